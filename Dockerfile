# The server of compose.yaml. Any user but root runs it: programs get a sandbox of their own inside.
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap git && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir '/src[server,postgres,mcp]' && rm -rf /src && useradd --create-home coder
USER coder
WORKDIR /projects
ENTRYPOINT ["coder"]
CMD ["serve"]
