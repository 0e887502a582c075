"""NATS JetStream. Answers carry the key of their application, by which the broker drops what it has already; only when
it has all of a batch are the applications acknowledged. So what a kill leaves open is answered again, and kept once.

It holds as long as the answers' stream knows a key (its `duplicate_window`) when the application comes again (after
the consumer's `ack_wait`, and the time for which no bridge runs).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from serve.stream.errors import StreamError
from serve.stream.messages import REASON_HEADER, Answer, DeadLetter, Message

DURABLE: Final = "scoring"
"""Name of the consumer; all bridges share it."""
ACK_WAIT_S: Final = 30.0
"""Of a consumer that is made here; one that is there already stays as it is."""
FETCH_S: Final = 0.5
CONFIRM_S: Final = 10.0

T = TypeVar("T")


class NatsBroker:
    """Subjects of a JetStream server."""

    def __init__(self, url: str, applications: str, answers: str, dead_letters: str) -> None:
        """Subjects, which streams of the server cover. The URL may hold a login and is never told."""
        try:
            import nats  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise StreamError("the client of NATS is not installed: expected `pip install '.[serve,stream]'`") from None
        self._answers, self._dead_letters = answers, dead_letters
        self._taken: dict[Message, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._client = self._run(nats.connect(url, max_reconnect_attempts=3, connect_timeout=5))
        self._stream = self._client.jetstream(timeout=CONFIRM_S)
        self._subscription = self._run(self._subscribe(applications))

    def take(self, count: int) -> Sequence[Message]:
        """See `Broker`; nobody else gets them until `ack_wait` has passed."""
        self._taken = {self._message(found): found for found in self._run(self._fetch(count))}
        return list(self._taken)

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Publish what is said, wait until the server has it, then acknowledge."""
        self._run(self._settle(answers, dead))
        self._taken = {}

    def is_empty(self) -> bool:
        """Whether all is acknowledged."""
        info = self._run(self._subscription.consumer_info())
        return not (info.num_pending or info.num_ack_pending)

    def close(self) -> None:
        """End the connection."""
        self._loop.run_until_complete(self._client.close())
        self._loop.close()

    async def _subscribe(self, subject: str) -> Any:
        from nats.js.api import ConsumerConfig  # noqa: PLC0415
        from nats.js.errors import NotFoundError  # noqa: PLC0415

        covering = await self._stream.find_stream_name_by_subject(subject)
        self.name = f"nats:{(await self._stream.stream_info(covering)).created}"  # of this stream, not of one before
        for target in (self._answers, self._dead_letters):
            await self._refuse_forgetful(target)
        try:
            await self._stream.consumer_info(covering, DURABLE)
        except NotFoundError:
            config = ConsumerConfig(durable_name=DURABLE, filter_subject=subject, ack_wait=ACK_WAIT_S)
            await self._stream.add_consumer(covering, config)
        return await self._stream.pull_subscribe_bind(DURABLE, covering)

    async def _refuse_forgetful(self, subject: str) -> None:
        """Raise StreamError where a key would be forgotten before its application comes again."""
        info = await self._stream.stream_info(await self._stream.find_stream_name_by_subject(subject))
        window = info.config.duplicate_window or 0
        if window < 2 * ACK_WAIT_S:
            raise StreamError(
                f"the stream of {subject} knows keys for {window:g} s: expected a duplicate_window of "
                f"{2 * ACK_WAIT_S:g} s or more, and more than a bridge may be down"
            )

    async def _fetch(self, count: int) -> list[Any]:
        try:
            found: list[Any] = await self._subscription.fetch(batch=count, timeout=FETCH_S)
        except TimeoutError:
            return []
        return found

    async def _settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        publish = self._stream.publish
        most = self._client.max_payload // 2  # headers count too
        published: list[Awaitable[Any]] = [
            publish(self._answers, answer.body, headers={"Nats-Msg-Id": answer.message.key}) for answer in answers
        ]
        for letter in dead:
            body, reason = letter.within(most)
            headers = {"Nats-Msg-Id": letter.message.key, REASON_HEADER: reason}
            published.append(publish(self._dead_letters, body, headers=headers))
        await asyncio.gather(*published)
        await asyncio.gather(*(found.ack_sync(CONFIRM_S) for found in self._taken.values()))

    @staticmethod
    def _message(found: Any) -> Message:
        place = found.metadata
        return Message(place.stream, place.sequence.stream, found.data)

    def _run(self, awaited: Coroutine[Any, Any, T]) -> T:
        from nats.errors import Error  # noqa: PLC0415

        try:
            return self._loop.run_until_complete(awaited)
        except (Error, OSError) as error:
            told = str(error).removeprefix("nats: ") or type(error).__name__
            raise StreamError(f"NATS does not take it: {told}") from error
