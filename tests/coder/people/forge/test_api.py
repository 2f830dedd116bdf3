"""What the client of a forge's API does with limits, failures and addresses."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.models.endpoint import Patience
from coder.people.forge.api import Api
from coder.people.forge.request import ForgeError
from tests.coder.people.forge.github_schema import require_schema
from tests.coder.people.forge.github_stub import Fault, GitHubStub, serving
from tests.git_repository import GitRepository

PATH = "/repos/ada/shop/collaborators/ada/permission"
COMMENTS = "/repos/ada/shop/issues/12/comments"
QUICK = Patience(first_wait_s=0.0, attempts=3)


@pytest.fixture
def stub() -> GitHubStub:
    require_schema()
    return GitHubStub(GitRepository(Path("/nowhere")))


def api(stub: GitHubStub) -> Api:
    return Api(stub.url, {"Authorization": f"Bearer {stub.token}"}, patience=QUICK)


@pytest.mark.parametrize(
    "address", ["http://github.example", "ftp://github.example", "http://127.0.0.1.example"]
)
def test_a_token_isnt_sent_where_it_could_be_read(address: str) -> None:
    with pytest.raises(UsageError, match="isn't https"):
        Api(address, {})


async def test_a_limit_that_doesnt_end_is_an_error_with_the_wait_that_is_asked_for(stub: GitHubStub) -> None:
    stub.faults = [Fault("permission", 429, {"message": "Slow down"}, {"retry-after": "9000"})]
    with serving(stub):
        async with api(stub) as client:
            with pytest.raises(ForgeError, match=r"HTTP 429 Too Many Requests\. It asks to wait 9000 s"):
                await client.get(PATH)

    assert len(stub.requests) == 1


async def test_a_primary_limit_is_told_from_a_refusal_by_what_remains(stub: GitHubStub) -> None:
    limit = Fault("permission", 403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0"})
    refusal = Fault("permission", 403, {"message": "Resource not accessible by integration"})
    refusal.headers = {"x-accepted-github-permissions": "metadata=read", "x-ratelimit-remaining": "4999"}
    stub.faults = [limit, refusal]
    with serving(stub):
        async with api(stub) as client:
            with pytest.raises(ForgeError, match=r"not accessible.*The token needs: metadata=read\."):
                await client.get(PATH)

    assert len(stub.requests) == 2


@pytest.mark.slow
async def test_what_may_have_been_created_isnt_created_again(stub: GitHubStub) -> None:
    stub.faults = [Fault("comments", 500, {"message": "Oops"}), Fault("permission", 500, {"message": "Oops"})]
    with serving(stub):
        async with api(stub) as client:
            with pytest.raises(ForgeError, match="HTTP 500"):
                await client.post(COMMENTS, body="Once")
            assert (await client.get(PATH))["permission"] == "admin"

    assert [request.partition(" ")[0] for request in stub.requests] == ["POST", "GET", "GET"]


async def test_the_stub_refuses_what_the_schema_refuses(stub: GitHubStub) -> None:
    with serving(stub):
        async with api(stub) as client:
            with pytest.raises(ForgeError, match=r"422.*'body' is a required property"):
                await client.post(COMMENTS, text="Once")
            with pytest.raises(ForgeError, match=r"422.*not of type 'string'"):
                await client.post(COMMENTS, body=1)
            with pytest.raises(ForgeError, match=r"422.*Unknown parameter branch"):
                await client.get("/repos/ada/shop/pulls", branch="main")
            with pytest.raises(ForgeError, match="404"):
                await client.get("/repos/ada/shop/nothing")
            assert await client.get("/repos/ada/shop/nothing", absent={}) == {}
        async with Api(stub.url, {"Authorization": "Bearer other"}, patience=QUICK) as client:
            with pytest.raises(ForgeError, match="401 Unauthorized: Bad credentials"):
                await client.get(PATH)

    assert stub.comments == []
