"""A stub of GitHub's REST API, which takes and gives what the published schema allows, and nothing else.

What the schema doesn't say (a pull request needs a branch that exists, and one branch has one) is as GitHub's
documentation describes it.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.coder.people.forge.github_schema import body_schema, operation, problems, resolved, sample
from tests.git_repository import GitRepository

REPOSITORY = "ada/shop"
_ROOT = "/repos/{owner}/{repo}"
_ROUTES = {
    ("GET", "/collaborators/{username}/permission"): "permission",
    ("GET", "/issues/{issue_number}"): "issue",
    ("POST", "/issues/{issue_number}/comments"): "comment",
    ("GET", "/pulls"): "list_pulls",
    ("POST", "/pulls"): "open_pull",
    ("GET", "/pulls/{pull_number}"): "pull",
    ("POST", "/pulls/{pull_number}/comments/{comment_id}/replies"): "reply",
    ("GET", "/pulls/{pull_number}/reviews/{review_id}/comments"): "review_comments",
}


class Refusal(Exception):
    """A status other than that of success."""

    def __init__(self, status: int, message: str, *errors: dict[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": "https://docs.github.example"}
        if errors:
            self.body |= {"errors": list(errors)}  # type: ignore[dict-item]


@dataclass(slots=True)
class Fault:
    """An answer that is given once in place of the real one."""

    path: str
    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class GitHubStub:
    """The state of the stub: one repository, whose branches are those of a bare one."""

    bare: GitRepository
    token: str = "ghs_" + "a" * 36
    permissions: dict[str, str] = field(default_factory=lambda: {"ada": "admin"})
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: list[tuple[str, str]] = field(default_factory=list)
    """Path and body of what was posted."""
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Any:
        """The status, headers and body for a request. Raises Refusal."""
        parts = urlsplit(target)
        self.requests.append(f"{method} {parts.path}")
        if headers.get("authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Bad credentials")
        if not headers.get("user-agent"):
            raise Refusal(403, "Request forbidden by administrative rules.")
        for fault in self.faults:
            if re.search(fault.path, f"{method} {parts.path}"):
                self.faults.remove(fault)
                return fault.status, fault.headers, fault.body
        template, names = _route(method, parts.path)
        description = operation(method, _ROOT + template)
        if f"{names.pop('owner')}/{names.pop('repo')}" != REPOSITORY:
            raise Refusal(404, "Not Found")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self._check(description, {**names, **query}, content)
        body = json.loads(content) if content else {}
        reply = getattr(self, _ROUTES[method, template])(**names, **query, **body)
        status = next(code for code in description["responses"] if code.startswith("2"))
        schema = body_schema(description["responses"][status])
        assert not problems(schema, reply), (template, problems(schema, reply))
        return int(status), {}, reply

    def _check(self, description: dict[str, Any], given: dict[str, str], content: bytes) -> None:
        parameters = {row["name"]: row for row in map(resolved, description.get("parameters", ()))}
        for name, text in given.items():
            if name not in parameters:
                raise Refusal(422, f"Unknown parameter {name}")
            schema = resolved(parameters[name]["schema"])
            value = int(text) if schema.get("type") == "integer" and text.isdecimal() else text
            if wrong := problems(schema, value):
                raise Refusal(422, "Validation Failed", {"message": wrong[0]})
        if "requestBody" not in description:
            return
        try:
            body = json.loads(content)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if wrong := problems(body_schema(description["requestBody"]), body):
            raise Refusal(422, "Validation Failed", {"message": wrong[0]})

    def permission(self, username: str) -> Any:
        """GET a collaborator's permission."""
        if username not in self.permissions:
            raise Refusal(404, "Not Found")
        name = self.permissions[username]
        schema = {"$ref": "#/components/schemas/repository-collaborator-permission"}
        return sample(schema, permission=name, role_name=name)

    def issue(self, issue_number: str) -> Any:
        """GET an issue."""
        if (number := int(issue_number)) not in self.issues:
            raise Refusal(404, "Not Found")
        return sample({"$ref": "#/components/schemas/issue"}, number=number, **self.issues[number])

    def comment(self, issue_number: str, body: str) -> Any:
        """POST a comment."""
        self.comments.append((f"issues/{issue_number}", body))
        return sample({"$ref": "#/components/schemas/issue-comment"}, body=body)

    def list_pulls(self, state: str = "open", head: str = "") -> Any:
        """GET pull requests by their head."""
        pulls = [pull for pull in self.pulls.values() if head in ("", f"ada:{pull['head']['ref']}")]
        schema = {"$ref": "#/components/schemas/pull-request-simple"}
        common = {name: _pull()[name] for name in ("number", "title", "state", "head", "base", "html_url")}
        return [
            sample(schema, **{name: pull[name] for name in common})
            for pull in pulls
            if state in ("all", pull["state"])
        ]

    def open_pull(self, head: str, base: str, title: str = "", body: str = "") -> Any:
        """POST a pull request. Two of one branch, or one of a branch that isn't there, are refused."""
        wrong = {"resource": "PullRequest", "field": "head", "code": "invalid"}
        if not self.bare.git("branch", "--list", head) or not self.bare.git("branch", "--list", base):
            raise Refusal(422, "Validation Failed", wrong)
        if any(pull["head"]["ref"] == head and pull["state"] == "open" for pull in self.pulls.values()):
            message = f"A pull request already exists for ada:{head}."
            raise Refusal(422, "Validation Failed", {**wrong, "code": "custom", "message": message})
        return self.add_pull(head, base=base, title=title, body=body)

    def add_pull(self, head: str, *, base: str = "main", title: str = "", body: str = "") -> Any:
        """Open a pull request."""
        number = 100 + len(self.pulls)
        pull = _pull()
        pull |= {"number": number, "title": title, "body": body, "state": "open"}
        pull |= {"html_url": f"https://github.example/{REPOSITORY}/pull/{number}"}
        pull["head"] |= {"ref": head}
        pull["base"] |= {"ref": base}
        pull["head"]["repo"] = pull["base"]["repo"]
        self.pulls[number] = pull
        return pull

    def pull(self, pull_number: str) -> Any:
        """GET a pull request."""
        if (number := int(pull_number)) not in self.pulls:
            raise Refusal(404, "Not Found")
        return self.pulls[number]

    def reply(self, pull_number: str, comment_id: str, body: str) -> Any:
        """POST a reply in a thread."""
        self.comments.append((f"pulls/{pull_number}/comments/{comment_id}", body))
        return sample({"$ref": "#/components/schemas/pull-request-review-comment"}, body=body)

    def review_comments(self, pull_number: str, review_id: str, per_page: str = "30") -> Any:
        """GET the comments of a review."""
        return self.reviews.get(int(review_id), [])[: int(per_page)]


def _route(method: str, path: str) -> tuple[str, dict[str, str]]:
    for verb, template in _ROUTES:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", _ROOT + template)
        if verb == method and (match := re.fullmatch(pattern, path)):
            return template, match.groupdict()
    raise Refusal(404, "Not Found")


def _pull() -> dict[str, Any]:
    pull: dict[str, Any] = sample({"$ref": "#/components/schemas/pull-request"})
    return pull


def review_comment(text: str, path: str, line: int) -> dict[str, Any]:
    """A comment of a review."""
    user = sample({"$ref": "#/components/schemas/simple-user"}, login="ada")
    schema = {"$ref": "#/components/schemas/review-comment"}
    comment: dict[str, Any] = sample(schema, body=text, path=path, line=line, user=user)
    return comment


class _Handler(BaseHTTPRequestHandler):
    stub: GitHubStub
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers: dict[str, str] = {}
        try:
            headers_by_name = {name.lower(): value for name, value in self.headers.items()}
            status, headers, body = self.stub.answer(self.command, self.path, headers_by_name, content)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        text = json.dumps(body).encode()
        self.send_response(status)
        fields = {"content-type": "application/json", "content-length": str(len(text)), **headers}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(stub: GitHubStub) -> Iterator[GitHubStub]:
    """Serve the stub on loopback."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield stub
        finally:
            server.shutdown()
