"""Carry requests of a program to the host of a secret, with the secret in them, and mask the answers.

HTTP is read and written by h11 on both sides, so that a head means the same to both. A request must be for
the host itself, as its network may serve others, too, which must not get the secret.
"""

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.network.allowed_hosts import split_authority
from sandbox.network.doors import End
from sandbox.network.inflating import ENCODINGS, Inflater
from sandbox.network.masking import (
    Mask,
    MaskedSecret,
    encoded_credentials,
    may_carry,
    secrets_of,
    values_of,
    with_secrets,
)
from sandbox.network.tls_end import TlsEnd

if TYPE_CHECKING:
    import h11

_MAX_HEAD = 64 << 10
_MAX_CREDENTIALS = 2
"""Fields of a request with a secret in `Basic` credentials; further ones keep their placeholders."""
_DROPPED = {
    *(
        b"upgrade",
        b"http2-settings",
        b"keep-alive",
        b"te",
        b"expect",
        b"proxy-connection",
        b"proxy-authorization",
    ),
    *(b"accept-encoding", b"accept-charset"),  # few compressed answers can be masked, nor one in UTF-16
    *(b"range", b"if-range"),  # nor can parts of a secret
}
_MISDIRECTED, _BAD_GATEWAY = 421, 502
_HTTPS = 443


class Masks:
    """The secrets of one run, and its authority."""

    def __init__(self, secrets: Sequence[MaskedSecret]) -> None:
        """Issue a certificate for each host of a secret."""
        from sandbox.network.authority import issue  # imported late: few runs have secrets

        self._secrets = tuple(secrets)
        self.authority, self._contexts = issue(secret.host for secret in secrets)
        self._trust = ssl.create_default_context()
        self._trust.set_alpn_protocols(["http/1.1"])

    def covers(self, host: str, port: int) -> bool:
        """Whether a host at a port has a secret."""
        return bool(secrets_of(self._secrets, host, port))

    def ports_of(self, host: str) -> tuple[int, ...]:
        """Return the ports at which a host has secrets; none for other hosts."""
        return tuple(sorted({secret.port for secret in self._secrets if secret.host == host}))

    async def carry(self, inside: End, outside: End, host: str, port: int) -> None:
        """Carry the requests of one connection. Raises OSError if one side is cut off or can't be trusted."""
        import h11

        own, there = TlsEnd(inside, self._contexts[host]), TlsEnd(outside, self._trust, host=host)
        await there.open()
        await own.open()
        exchange = _Exchange(own, there, secrets_of(self._secrets, host, port))
        try:
            while await exchange.next():
                pass
        except h11.ProtocolError as error:
            raise ConnectionResetError("no HTTP/1.1") from error
        await own.end()


class _Exchange:
    """Requests and answers of one connection, one after another."""

    def __init__(self, inside: End, outside: End, secrets: Sequence[MaskedSecret]) -> None:
        import h11

        self._inside, self._outside, self._secrets = inside, outside, secrets
        self._server = h11.Connection(h11.SERVER, _MAX_HEAD)
        self._client = h11.Connection(h11.CLIENT, _MAX_HEAD)
        self._values = values_of(secrets)
        self._mask = Mask(self._values)

    async def next(self) -> bool:
        """Carry one request and its answer; return whether another may follow."""
        import h11

        request = await self._event(self._server, self._inside)
        if not isinstance(request, h11.Request):
            return False
        if not self._is_for_host(request):
            await self._refuse(_MISDIRECTED, b"the request names another host than its connection")
            return False
        if self._server.they_are_waiting_for_100_continue:
            await self._tell(h11.InformationalResponse(status_code=100, headers=[]))
        await self._ask(
            h11.Request(method=request.method, target=request.target, headers=self._headers(request))
        )
        while not isinstance(event := await self._event(self._server, self._inside), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return False
            await self._ask(h11.Data(data=event.data))
        await self._ask(h11.EndOfMessage())
        if not await self._answer(is_head=request.method == b"HEAD"):
            return False
        if h11.MUST_CLOSE in (self._server.our_state, self._client.our_state, self._client.their_state):
            return False
        self._server.start_next_cycle()
        self._client.start_next_cycle()
        return True

    def _is_for_host(self, request: "h11.Request") -> bool:
        hosts = [value for name, value in request.headers if name == b"host"]
        if len(hosts) != 1 or not request.target.startswith((b"/", b"*")):
            return False
        try:
            name, port = split_authority(hosts[0].decode("ascii"))
        except ValueError:
            return False
        return (name, port or _HTTPS) == (self._secrets[0].host, self._secrets[0].port)

    def _headers(self, request: "h11.Request") -> list[tuple[bytes, bytes]]:
        """Return the header fields with secrets; add credentials with an encoded secret to the mask."""
        fields = [(b"accept-encoding", b"identity")]
        credentials: dict[bytes, bytes] = {}
        is_chunked = any(name == b"transfer-encoding" for name, _ in request.headers)
        for name, value in request.headers.raw_items():
            if name.lower() in _DROPPED or (is_chunked and name.lower() == b"content-length"):
                continue  # with both, a host could take the body for another request
            filled = with_secrets(value, self._secrets) if may_carry(name) else value
            if filled != value and (encoded := encoded_credentials(filled)) is not None:
                if len(credentials) == _MAX_CREDENTIALS:
                    filled = value
                else:
                    credentials[encoded] = value.partition(b" ")[2].strip()
            fields.append((name, filled))
        self._mask = Mask({**self._values, **credentials})
        return fields

    async def _answer(self, *, is_head: bool) -> bool:
        """Pass the answer on, masked; return whether it is complete."""
        import h11

        while not isinstance(head := await self._event(self._client, self._outside), h11.Response):
            if not isinstance(head, h11.InformationalResponse) or head.status_code == 101:
                return False
        encoding = b"".join(value for name, value in head.headers if name == b"content-encoding")
        encoding = encoding.strip().lower()
        inflater = Inflater(encoding) if encoding in ENCODINGS else None
        if inflater is None and encoding not in (b"", b"identity"):
            await self._refuse(_BAD_GATEWAY, b"the answer is compressed, so that it can't be masked")
            return False
        framing = [b"transfer-encoding"] if is_head else [b"transfer-encoding", b"content-length"]
        framing += [b"content-encoding"] if inflater else []
        fields = [
            (name, self._mask.whole(value))
            for name, value in head.headers.raw_items()
            if name.lower() not in framing
        ]
        reason = self._mask.whole(bytes(head.reason))
        await self._tell(h11.Response(status_code=head.status_code, headers=fields, reason=reason))
        while not isinstance(event := await self._event(self._client, self._outside), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return False
            data = bytes(event.data)
            for piece in inflater.feed(data) if inflater else [data]:
                await self._tell(h11.Data(data=self._mask.feed(piece)))
        if inflater:
            inflater.finish()
        await self._tell(h11.Data(data=self._mask.flush()))
        await self._tell(h11.EndOfMessage())
        return True

    async def _refuse(self, status: int, reason: bytes) -> None:
        import h11

        fields = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await self._tell(h11.Response(status_code=status, headers=fields, reason=reason))
        await self._tell(h11.Data(data=reason + b"\n"))
        await self._tell(h11.EndOfMessage())

    async def _event(self, connection: "h11.Connection", end: End) -> object:
        import h11

        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await end.receive())
        return event

    async def _tell(self, event: "h11.Event") -> None:
        await self._inside.send(self._server.send(event) or b"")

    async def _ask(self, event: "h11.Event") -> None:
        await self._outside.send(self._client.send(event) or b"")
