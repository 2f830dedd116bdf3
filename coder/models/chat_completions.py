"""ChatModel: a model at any OpenAI-compatible endpoint or at Anthropic's; answers are streamed.

Cancelling an answer closes its connection.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any, Unpack

from coder.base.errors import ContextTooLong, ModelError, ModelUnavailable
from coder.base.text.redact import Redactor
from coder.base.text.thoughts import separate_thoughts
from coder.models import faults
from coder.models.abilities import Abilities, model_limit, request_limit
from coder.models.answer_parts import Retry
from coder.models.connection import EndpointConnection, StatusError
from coder.models.endpoint import Endpoint, Patience, unknown_secrets
from coder.models.exchange import Call, stream_answer
from coder.models.model import Answer, Asking, ChatMessage, Usage, Used
from coder.models.providers import cost
from coder.models.request_quirks import RequestQuirks
from coder.models.retries import Passing, SilenceClock, lane_of, retry_passing
from coder.models.stream import Unfinished
from coder.models.tokens import estimated_usage, input_tokens
from coder.models.wrapper import Closing
from coder.models.written_calls import read_written_calls


class ChatModel(Closing):
    """One model behind one endpoint. Use it as `async with`, or call `close()`."""

    def __init__(self, endpoint: Endpoint, *, patience: Patience | None = None) -> None:
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._quirks = RequestQuirks(endpoint)
        self._connection = EndpointConnection(endpoint)
        self._lane = lane_of(endpoint)
        self._max_output = model_limit(endpoint.model, endpoint.max_output)
        self._redactor = Redactor(secrets) if (secrets := unknown_secrets(endpoint)) else None

    def __repr__(self) -> str:
        return f"ChatModel({self.name!r}, {self._endpoint.shown_url!r})"

    @property
    def name(self) -> str:
        """`provider/model`."""
        return self._endpoint.name

    @property
    def abilities(self) -> Abilities:
        """The model's abilities as the catalogue lists them."""
        endpoint = self._endpoint
        return Abilities(
            context=endpoint.context,
            tools=endpoint.tools,
            max_output=self._max_output,
            sees=endpoint.sees,
            reads_pdf=endpoint.reads_pdf,
        )

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._connection.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the maximum price of these tokens in US dollars; None if unknown, 0 for a local model."""
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        if self._endpoint.marks_caches:
            usage = usage.model_copy(update={"cache_write_tokens": input_tokens})
        return cost(self._endpoint, usage)

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Answer one conversation. After a call of `on_retry`, `on_token` gets the answer from its beginning.

        Raises:
            ModelAuthError, ModelNotFound, ModelRefused: the endpoint refused.
            ModelUnavailable: there is no answer after all retries.
        """
        start = monotonic()
        sampling, form = asking["sampling"], asking.get("form")
        tokens_in = input_tokens(messages, form)
        max_output = request_limit(
            sampling, own=self._max_output, context=self._endpoint.context, tokens_in=tokens_in
        )
        sampling = sampling.model_copy(update={"max_tokens": max_output})
        clock, has_called = SilenceClock(self._patience.deadline_s), self.name in asking.get("callers", ())
        call = Call(messages, sampling, form, asking.get("on_token"), clock, has_called=has_called)
        call.on_retry = on_retry = asking.get("on_retry")
        try:
            async with asyncio.timeout(self._patience.whole_s) as time_limit:
                patience, ask = self._patience, partial(self._ask, call)
                unfinished = await retry_passing(ask, patience=patience, clock=call.clock, on_retry=on_retry)
        except Passing as fault:
            raise faults.final_error(fault, self._endpoint) from None
        except TimeoutError:
            if not time_limit.expired():
                raise
            raise ModelUnavailable(
                f"{self.name} was still answering after {self._patience.whole_s:.3g} s. "
                "Name another --model.",
                lost=self._lost(call),
            ) from None
        usage = unfinished.usage or estimated_usage(messages, unfinished.size)
        text = unfinished.text()
        tool_calls, written = unfinished.tool_calls(), None
        if form is not None and not (tool_calls or has_called or unfinished.finish == "length"):
            thoughts = separate_thoughts(text, unfinished.reasoning)
            written = read_written_calls(thoughts["text"], form.tools)
        answer = Answer(
            text=text,
            model=faults.shorten_message(unfinished.model or "", self._endpoint) or self._endpoint.model,
            fingerprint=faults.shorten_message(unfinished.fingerprint, self._endpoint),
            reasoning=unfinished.reasoning,
            tool_calls=tool_calls,
            alternatives=unfinished.alternatives(text),
            finish=unfinished.finish or "other",
            opaque=unfinished.opaque(self._quirks.source),
            usage=usage,
            cost_usd=cost(self._endpoint, usage),
            seconds=monotonic() - start,
            endpoint=self.name if tool_calls else "",
        )
        if written is not None:
            calls = {"text": written.text, "tool_calls": written.calls, "is_written": True}
            answer = answer.model_copy(update={"reasoning": thoughts["reasoning"], **calls})
        # This endpoint's secrets are unknown to later layers.
        return answer if self._redactor is None else answer.redacted(self._redactor.redact)

    async def _ask(self, call: Call) -> Unfinished:
        """Send a request, and repeat it without an optional parameter that was refused."""
        began = monotonic()
        await self._connection.open()
        call.clock.excuse(monotonic() - began)  # loading the HTTP client takes time
        from httpx2 import RequestError

        from coder.models.http_bounds import TooLarge

        while True:
            call.unfinished = Unfinished()
            body = self._quirks.body(call.messages, call.sampling, call.form)
            fault: Exception | None
            try:
                unfinished = await self._in_lane(call, body)
                self._quirks.tools.accept(call.form)
                return unfinished
            except Passing as passing:
                passing.reason = faults.shorten_message(passing.reason, self._endpoint)
                fault = passing
            except StatusError as error:
                fault = await self._fault(call, error, body)
            except RequestError as error:
                fault = faults.connection_fault(error, self._endpoint)
            except TooLarge:
                fault = ModelError(f"{self.name} sent more than anyone could use, and was cut off.")
            if isinstance(fault, Passing | ModelError):
                fault.lost = self._lost(call)
            if fault is not None:
                # Outside of the handlers: the errors above may quote the key, so they aren't chained.
                raise fault

    def _lost(self, call: Call) -> Used | None:
        """Return the usage of an interrupted answer, which is charged like any other."""
        if not call.unfinished.has_begun:
            return None
        usage = call.unfinished.usage or estimated_usage(call.messages, call.unfinished.size)
        return Used(usage=usage, cost_usd=cost(self._endpoint, usage))

    async def _in_lane(self, call: Call, body: dict[str, Any]) -> Unfinished:
        """Send one request when the lane has a free slot."""
        wait_s = self._lane.rests_s
        if wait_s > call.clock.left_s:
            raise Passing("its limit is spent", after_s=wait_s, is_limit=True)
        if wait_s:
            await asyncio.sleep(wait_s)
        began = monotonic()
        async with self._lane.slot():
            call.clock.excuse(monotonic() - began)
            api, headers = self._quirks.api, self._quirks.headers(call.messages)
            redactor = None if self._redactor is None else self._redactor.stream()
            events = partial(self._connection.events, body, api=api, headers=headers)
            return await stream_answer(call, events, api=api, patience=self._patience, redactor=redactor)

    async def _fault(self, call: Call, error: StatusError, body: dict[str, Any]) -> Exception | None:
        """Return the fault for an HTTP error; None if a changed request should be sent."""
        if error.status < 300:
            fault = faults.stream_fault(error, self._endpoint)
            is_learned = isinstance(fault, ContextTooLong) and self._quirks.learn_context(
                str(error.body), body
            )
            return None if is_learned else fault
        if error.status in (400, 404) and self._quirks.learn_interface(str(error.body)):
            return None
        if await self._leave_out_tool(call, error):
            return None
        if error.status in (400, 422) and self._quirks.learn(str(error.body), body):
            return None
        is_about_tools = "tools" in body and faults.names_tools(error)
        if (error.status == 404 and not is_about_tools) or error.code == "model_not_found":
            fault = faults.not_found(error, self._endpoint, listed=await self._connection.models())
        else:
            fault = faults.status_fault(error, self._endpoint)
        if "tools" in body and faults.may_refuse_tools(error, fault):
            call.refusals += 1
            return faults.tools_fault(
                error, fault, self._endpoint, refusals=call.refusals, has_called=call.has_called
            )
        if isinstance(fault, ContextTooLong) and self._quirks.learn_context(str(error.body), body):
            return None
        if isinstance(fault, Passing) and fault.is_limit and fault.after_s is not None:
            self._lane.rest(fault.after_s)
        return fault

    async def _leave_out_tool(self, call: Call, error: StatusError) -> bool:
        """Leave out the tool of a server that a refusal names, and tell so; return whether there is one.

        A model that has called tools may have called one wrongly: its request is repeated as it was before.
        """
        is_unlucky = error.code == faults.BROKEN_CALL or (
            call.has_called and call.refusals < faults.MOST_REFUSALS - 1
        )
        tool = None if is_unlucky else self._quirks.tools.learn(error, call.form)
        if tool is not None and call.on_retry is not None:
            message = f"(HTTP {error.status}){faults.quoted_message(error, self._endpoint)}"
            reason = f"{self.name} refuses the tool {tool}, which is left out from now on {message}"
            await call.on_retry(Retry(attempt=1, wait_s=0, reason=reason))
        return tool is not None
