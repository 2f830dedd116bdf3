# The server of compose.yaml; with EXTRAS=ray a node of deploy/ray, with EXTRAS=chat,repo a chat on macOS. Any user but root runs it: programs get
# a sandbox of their own inside.
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap git && rm -rf /var/lib/apt/lists/*
COPY . /src
ARG EXTRAS=server,postgres,mcp
RUN pip install --no-cache-dir "/src[$EXTRAS]" && rm -rf /src && useradd --create-home coder
USER coder
RUN mkdir -p /home/coder/.local/share/coder
WORKDIR /projects
ENTRYPOINT ["coder"]
CMD ["serve"]
