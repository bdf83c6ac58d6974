"""The commands on the dead-letter topic."""

from __future__ import annotations

import argparse
from contextlib import aclosing

from aiokafka.errors import KafkaError

from config.command_line import print_error
from pipeline.dlq.dead_letter_topic import GROUP, DeadLetterTopic, open_topic
from pipeline.dlq.errors import BrokerError
from pipeline.dlq.handling import FoundLetters, find_letters, handle_letters
from pipeline.dlq.listing import Listing, show
from pipeline.dlq.pending import Pending, Selection
from pipeline.dlq.printing import counted, print_result
from pipeline.settings import KafkaSettings


async def on_topic(options: argparse.Namespace, selection: Selection, settings: KafkaSettings) -> int:
    """Run the command and return its exit code.

    Raises:
        BrokerError, KafkaError, TimeoutError: the broker can't be used.
    """
    async with open_topic(settings) as topic:
        if options.command == "show":
            return await _show(topic, *options.position)
        if options.command == "list":
            await _list(topic, selection, options)
        elif options.command == "replay":
            await _replay(topic, selection, options, settings)
        else:
            await _purge(topic, selection, options, settings)
    return 0


async def _list(topic: DeadLetterTopic, selection: Selection, options: argparse.Namespace) -> None:
    listing = Listing(as_json=options.json, with_keys=options.show_keys)
    left = options.limit
    for partition in await topic.partitions():
        if left == 0 or (selection.partitions and partition not in selection.partitions):
            continue
        async with aclosing(topic.read(partition, await topic.first_pending(partition))) as letters:
            async for pending in letters:
                if selection.has(partition, pending.letter):
                    listing.add(pending.position, pending.letter)
                    left = None if left is None else left - 1
                    if left == 0:
                        break
    listing.close(topic.topic)


async def _show(topic: DeadLetterTopic, partition: int, offset: int) -> int:
    pending = await topic.find(partition, offset)
    if pending is None:
        print_error(f"no dead letter at {partition}:{offset} of {topic.topic}")
        return 1
    show(pending.position, pending.letter)
    return 0


async def _replay(
    topic: DeadLetterTopic, selection: Selection, options: argparse.Namespace, settings: KafkaSettings
) -> None:
    def wanted(pending: Pending) -> bool:
        return pending.can_be_replayed and selection.has(pending.partition, pending.letter)

    found = await find_letters(topic, wanted, options.limit)
    for origin in sorted(found.topics):
        # The broker may create a missing topic when it receives a message. No worker would read it.
        if not await topic.exists(origin):
            raise BrokerError(
                f"there is no topic {origin}, from which dead letters came; nothing was replayed"
            )
    if not options.dry_run:
        await handle_letters(topic, found, wanted, settings, replay=True)
    _report("would replay" if options.dry_run else "replayed", found, topic)
    if not options.dry_run:
        await _delete_handled(
            topic, found, f"they count as handled as long as it keeps the offsets of group {GROUP}"
        )


async def _purge(
    topic: DeadLetterTopic, selection: Selection, options: argparse.Namespace, settings: KafkaSettings
) -> None:
    def wanted(pending: Pending) -> bool:
        return selection.has(pending.partition, pending.letter)

    found = await find_letters(topic, wanted, options.limit)
    if not options.dry_run:
        await handle_letters(topic, found, wanted, settings, replay=False)
    _report("would purge" if options.dry_run else "purged", found, topic)
    if not options.dry_run:
        await _delete_handled(
            topic, found, "their content stays on its disk until the topic's retention ends"
        )


async def _delete_handled(topic: DeadLetterTopic, found: FoundLetters, otherwise: str) -> None:
    """Ask the broker to delete handled letters.

    Purged data should be gone. Also, a broker forgets the offsets of a group that is idle for some days;
    letters that still exist would then count as pending again.
    """
    if not found.ranges:
        return
    try:
        await topic.delete_before({partition: part.stop for partition, part in found.ranges.items()})
    except (KafkaError, TimeoutError) as error:
        print_error(f"the broker did not delete the records ({type(error).__name__}): {otherwise}")


def _report(done: str, found: FoundLetters, topic: DeadLetterTopic) -> None:
    print_result(f"{done} {counted(found.causes)} of {topic.topic}")
    if found.moved:
        print_result(f"{found.moved} others that lay between them were kept, at the end of the topic")
