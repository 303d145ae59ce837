"""`dlq`: look at dead letters, and send mended ones back."""

import argparse
import asyncio
import sys
from collections import Counter
from contextlib import aclosing

from tqdm import tqdm

from openride_analytics.commands.arguments import positive
from openride_analytics.errors import Invalid, Reason
from openride_analytics.ingest.dead_letter_topic import REPLAY_BATCH, Found, read, send_back
from openride_analytics.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, show, replay."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|replay")
    listing = actions.add_parser("list", help="one line a dead letter, then how many of each reason")
    show = actions.add_parser("show", help="one dead letter whole: reason, headers, key, value")
    show.add_argument("id", help="partition:offset in the dead-letter topic, as `list` prints it")
    replay = actions.add_parser("replay", help="send dead letters back to their topics")
    replay.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    for action in (listing, replay):
        action.add_argument("--reason", choices=list(Reason), help="only those with this reason")
        action.add_argument("--max", type=positive(int), metavar="N", help="stop after so many")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 when done; 1 when what was asked for is not there."""
    actions = {"list": _list, "show": _show, "replay": _replay}
    return asyncio.run(actions[args.action](args, settings))


async def _found(args: argparse.Namespace, settings: Settings) -> list[Found]:
    letters: list[Found] = []
    async with aclosing(read(settings, args.reason)) as topic:
        async for letter in topic:
            letters.append(letter)
            if args.max is not None and len(letters) >= args.max:
                break
    return letters


async def _list(args: argparse.Namespace, settings: Settings) -> int:
    letters = await _found(args, settings)
    for letter in letters:
        why = letter.why
        place = f"{why.get('topic')}/{why.get('partition')}@{why.get('offset')}"
        said = f"{why.get('failed_at', '')}  {place}  {why.get('reason')}: {why.get('error')}"
        print(f"{letter.id:>10}  {_shown(said)}")
    counts = Counter(letter.why.get("reason", "?") for letter in letters)
    said = "".join(f", {reason} {n}" for reason, n in counts.most_common())
    print(f"{len(letters)} dead letters{_shown(said)}")
    return 0


async def _show(args: argparse.Namespace, settings: Settings) -> int:
    partition, _, offset = args.id.partition(":")
    if not (partition.isdigit() and offset.isdigit()):
        raise Invalid("id", f"{args.id!r} is not a place", "partition:offset, such as 0:17")
    async with aclosing(read(settings)) as topic:
        async for letter in topic:
            if letter.id == args.id:
                _print_whole(letter)
                return 0
    print(f"no dead letter at {args.id}", file=sys.stderr)
    return 1


def _print_whole(letter: Found) -> None:
    for name, value in letter.why.items():
        print(_shown(f"{name}: {value}"))
    for name, raw in letter.own_headers:
        print(_shown(f"header {name}: {_text(raw)}"))
    key, value = letter.record.key, letter.record.value
    print("key:", _shown(_text(key)))
    print("value:", _shown(_text(value)))


def _text(raw: bytes | None) -> str:
    return "none" if raw is None else raw.decode(errors="backslashreplace")


def _shown(text: str) -> str:
    """One line, and no commands to the terminal: what lies here is what somebody sent, and nobody could read."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


async def _replay(args: argparse.Namespace, settings: Settings) -> int:
    found, topics = await _found(args, settings), frozenset(settings.kafka.topics.events().values())
    letters = [letter for letter in found if letter.came_from(topics)]
    counts = Counter(letter.why["topic"] for letter in letters)
    if not args.dry_run:
        with tqdm(total=len(letters), unit="msg", disable=None) as bar:
            for start in range(0, len(letters), REPLAY_BATCH):
                part = letters[start : start + REPLAY_BATCH]
                await send_back(settings, part)
                bar.update(len(part))
    said = "would be sent back" if args.dry_run else "sent back"
    print(f"{len(letters)} messages {said}" + "".join(f", {topic} {n}" for topic, n in counts.items()))
    if left := len(found) - len(letters):
        print(f"{left} left: they do not say from which of our topics they came")
    return 0
