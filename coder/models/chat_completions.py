"""ChatModel: any OpenAI-compatible endpoint, through the openai SDK, always streaming.

The SDK's own retries are off: ours are few, shown, and under one deadline.
Cancelling an answer closes its connection.
"""

import asyncio
import difflib
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from coder.errors import ContextTooLong, ModelError, ModelNotFound, ModelUnavailable
from coder.models.abilities import Abilities, asked_for, own_limit
from coder.models.connection import Connection, TooLarge, listen
from coder.models.endpoint import Endpoint, Patience, unheld_secrets
from coder.models.exchange import received, send
from coder.models.faults import cleaned, connection_fault, given_up, refuses_tools, said_by, status_fault
from coder.models.model import Answer, ChatMessage, Form, OnRetry, Sampling, Usage, Used
from coder.models.providers import cost
from coder.models.rate_limit import lane_of
from coder.models.request_quirks import RequestQuirks
from coder.models.retries import Clock, Passing, retrying
from coder.models.stream import Unfinished, estimated_usage
from coder.models.tokens import input_tokens
from coder.text.redact import Redactor

if TYPE_CHECKING:
    from openai import APIStatusError

OnToken = Callable[[str], None]

MORE_TIME = "A model that reasons for longer needs more: --model-timeout SECONDS."
USAGE_S = 5.0
"""Longest wait for the count of tokens behind an answer that is complete."""


class ChatModel:
    """One model behind one endpoint. Use it as `async with`, or call `close()`."""

    def __init__(self, endpoint: Endpoint, *, patience: Patience | None = None) -> None:
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._manners = RequestQuirks(endpoint)
        self._connection = Connection(endpoint)
        self._lane = lane_of(endpoint)
        self._max_output = own_limit(endpoint.model, endpoint.max_output)
        self._redactor = Redactor(secrets) if (secrets := unheld_secrets(endpoint)) else None

    def __repr__(self) -> str:
        return f"ChatModel({self.name!r}, {self._endpoint.shown_url!r})"

    @property
    def name(self) -> str:
        """`provider/model`."""
        return self._endpoint.name

    @property
    def abilities(self) -> Abilities:
        """What the catalogue says of it."""
        return Abilities(
            context=self._endpoint.context, tools=self._endpoint.tools, max_output=self._max_output
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._connection.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """US dollars for so many tokens at most; None where no price is known; 0 for one on this machine."""
        used = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        if self._endpoint.marks_caches:
            used = used.model_copy(update={"cache_write_tokens": input_tokens})
        return cost(self._endpoint, used)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: OnToken | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """Answer one conversation. After `on_retry`, `on_token` starts again with the answer's first word.

        Raises:
            ModelAuthError: the key is missing or refused.
            ModelNotFound: the endpoint has no such model.
            ModelRefused: the endpoint refused the request itself.
            ModelUnavailable: no answer, after all retries.
        """
        started = monotonic()
        most = asked_for(
            sampling,
            own=self._max_output,
            context=self._endpoint.context,
            tokens_in=input_tokens(messages, form),
        )
        sampling = sampling.model_copy(update={"max_tokens": most})
        call = _Call(messages, sampling, form, on_token, Clock(self._patience.deadline_s))
        retries = retrying(self._patience, call.clock, on_retry=on_retry)
        try:
            async with asyncio.timeout(self._patience.whole_s) as whole:
                unfinished: Unfinished = await retries(self._ask, call)
        except Passing as fault:
            attempts = retries.statistics["attempt_number"]
            raise given_up(fault, self._endpoint, attempts=attempts) from None
        except TimeoutError:
            if not whole.expired():
                raise
            raise ModelUnavailable(
                f"{self.name} was still answering after {self._patience.whole_s:.3g} s. "
                "Name another --model.",
                lost=self._lost(call),
            ) from None
        text = self._redacted(unfinished.text())
        usage = unfinished.usage or estimated_usage(messages, unfinished)
        return Answer(
            text=text,
            model=cleaned(unfinished.model or "", self._endpoint) or self._endpoint.model,
            reasoning=self._redacted(unfinished.reasoning),
            tool_calls=tuple(c.redacted(self._redacted) for c in unfinished.tool_calls()),
            alternatives=tuple(
                one.model_copy(update={"text": self._redacted(one.text)})
                for one in unfinished.hesitations.alternatives(text)
            ),
            finish=unfinished.finish or "other",
            usage=usage,
            cost_usd=cost(self._endpoint, usage),
            seconds=monotonic() - started,
        )

    def _redacted(self, text: str) -> str:
        """An answer without the secrets that only this model knows: nobody behind it can take them out."""
        return text if self._redactor is None else self._redactor.redact(text)

    async def _ask(self, call: "_Call") -> Unfinished:
        """One request; again at once where a parameter was refused that can be left out."""
        began = monotonic()
        await self._connection.client()
        call.clock.excuse(monotonic() - began)  # the SDK was loaded: no endpoint's fault
        from openai import APIConnectionError, APIError, APIStatusError

        while True:
            call.unfinished = Unfinished()
            body = self._manners.body(call.messages, call.sampling, call.form)
            fault: Exception | None
            try:
                return await self._in_lane(call, body)
            except Passing as passing:
                passing.reason = cleaned(passing.reason, self._endpoint)
                fault = passing
            except APIStatusError as error:
                fault = await self._fault(error, body)
            except APIConnectionError as error:
                fault = connection_fault(error, self._endpoint)
            except TooLarge:
                fault = ModelError(f"{self.name} sent more than anyone could use, and was cut off.")
            except APIError as error:
                fault = Passing(f"an error in the middle of the answer{said_by(error, self._endpoint)}")
            if isinstance(fault, Passing | ModelError):
                fault.lost = self._lost(call)
            if fault is not None:
                # Outside of the handlers above: the SDK's exception may quote the key, so it isn't chained.
                raise fault

    def _lost(self, call: "_Call") -> Used | None:
        """What an answer that broke off has used: it is charged for as any other."""
        if not call.unfinished.has_begun:
            return None
        usage = call.unfinished.usage or estimated_usage(call.messages, call.unfinished)
        return Used(usage=usage, cost_usd=cost(self._endpoint, usage))

    async def _in_lane(self, call: "_Call", body: dict[str, Any]) -> Unfinished:
        """One request, once the lane is free."""
        rests_s = self._lane.rests_s
        if rests_s > call.clock.left_s:
            raise Passing("its limit is spent", after_s=rests_s, is_limit=True)
        if rests_s:
            await asyncio.sleep(rests_s)
        began = monotonic()
        async with self._lane.place():
            call.clock.excuse(monotonic() - began)
            return await self._stream(call, body)

    async def _fault(self, error: "APIStatusError", body: dict[str, Any]) -> Exception | None:
        """The meaning of an HTTP error; None where the request has changed and is worth sending again."""
        if error.status_code in (400, 404) and self._manners.learn_interface(str(error.body)):
            return None
        if "tools" in body and (refused := refuses_tools(error, self._endpoint)):
            return refused
        if error.status_code == 404 or error.code == "model_not_found":
            return ModelNotFound(await self._not_found(error))
        if error.status_code in (400, 422) and self._manners.learn(str(error.body), body):
            return None
        fault = status_fault(error, self._endpoint)
        if isinstance(fault, ContextTooLong) and self._manners.learn_context(str(error.body), body):
            return None
        if isinstance(fault, Passing) and fault.is_limit and fault.after_s is not None:
            self._lane.rest(fault.after_s)
        return fault

    async def _not_found(self, error: "APIStatusError") -> str:
        endpoint, listed = self._endpoint, await self._connection.models()
        unknown = f"{endpoint.shown_url} knows no model {endpoint.model!r}"
        if not listed:
            said = said_by(error, endpoint)
            return f"{unknown}, or isn't a base URL{said}. A base URL often ends in /v1."
        nearest = difflib.get_close_matches(endpoint.model, listed, n=5, cutoff=0.3) or listed[:5]
        return f"{unknown}. Nearest of those it lists: {cleaned(', '.join(nearest), endpoint)}."

    async def _stream(self, call: "_Call", body: dict[str, Any]) -> Unfinished:
        client = await self._connection.client()
        patience, unfinished, responses = self._patience, call.unfinished, self._manners.uses_responses
        headers = self._manners.headers(call.messages)
        if responses:
            from coder.models.responses import take_event
        take = take_event if responses else Unfinished.take
        wait_s = patience.headers_s
        shown = None if self._redactor is None else self._redactor.stream()

        def heard() -> None:
            """A sign of life; behind an answer's last word nothing but the count of tokens is waited for."""
            nonlocal wait_s
            call.clock.alive()
            if unfinished.finish is None:
                wait_s = patience.idle_s
                limit.reschedule(asyncio.get_running_loop().time() + wait_s)

        try:
            async with (
                asyncio.timeout(wait_s) as limit,
                await send(client, body, headers=headers, to_responses=responses) as stream,
                aclosing(received(stream, unfinished, from_responses=responses)) as chunks,
            ):
                listen(stream.response, heard)
                async for chunk in chunks:
                    token = take(unfinished, chunk)
                    if shown is not None:
                        token = shown.feed(token)
                    if token and call.on_token is not None:
                        call.on_token(token)
                    if unfinished.too_long:
                        break
                    if unfinished.finish is not None:
                        limit.reschedule(asyncio.get_running_loop().time() + USAGE_S)
        except TimeoutError:
            # Anyone's TimeoutError but ours is a programming error; an answer that is complete stays one.
            if not limit.expired():
                raise
            if unfinished.finish is None:
                raise Passing(f"no sign of life for {wait_s:.3g} s", advice=MORE_TIME) from None
        unfinished.text()
        if shown is not None and call.on_token is not None and (token := shown.finish()):
            call.on_token(token)
        return unfinished


@dataclass(slots=True)
class _Call:
    """One question, and the answer as far as it has come."""

    messages: Sequence[ChatMessage]
    sampling: Sampling
    form: Form | None
    on_token: OnToken | None
    clock: Clock
    unfinished: Unfinished = field(default_factory=Unfinished)
