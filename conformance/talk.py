"""Features of what is said: texts, instructions, images, files, prompt-cache markers."""

import base64

from calling import WEATHER
from cells import REFUSED, Cell, Ended, feature
from turns import Call, Calls, Echo, Medium, Results, System, User

from judges.wish import Seen, Wish

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(24))).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(28))).decode()
REPORT = base64.b64encode(b"%PDF-1.7\n" + bytes(range(23))).decode()
SOUND = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt ").decode()
LINK = "https://pictures.example/cat.png"


@feature("text")
def text(cell: Cell) -> None:
    """A question and its answer."""
    exchange = cell.tell(cell.ask("Say it: caf\u00e9 \u2603 \U0001f600."))
    cell.arrives("caf\u00e9 \u2603 \U0001f600." in exchange.wish.said_by("user"), exchange)
    cell.shows(exchange.shown.text == "Hello from upstream." and exchange.shown.finish == "stop", exchange, "another answer")


@feature("system")
def system(cell: Cell) -> None:
    """One instruction before the conversation."""
    exchange = cell.tell(System("Answer in Latin."), cell.ask())
    cell.arrives("Answer in Latin." in exchange.wish.said_by("system", "developer"), exchange)
    cell.arrives("Answer in Latin." not in exchange.wish.said_by("user"), exchange)


@feature("several-and-late-system")
def several_and_late_system(cell: Cell) -> None:
    """Two instructions first, one after the first answer: all arrive, the late one where it was said."""
    said = Echo(({"role": "assistant", "content": "Salve."},))
    turns = (System("Answer in Latin."), System("Be brief."), User("Hello."), said, System("Now in Greek."), cell.ask())
    exchange = cell.tell(*turns)
    leading = exchange.wish.said_by("system", "developer")
    cell.arrives(_in_order(leading, "Answer in Latin.", "Be brief."), exchange)
    cell.arrives(_is_late(exchange.wish, "Now in Greek."), exchange)


def _in_order(said: str, *texts: str) -> bool:
    places = [said.find(one) for one in texts]
    return -1 not in places and places == sorted(places)


def _is_late(wish: Wish, said: str) -> bool:
    """After the assistant's turn, as an instruction or within the user's words."""
    answered = next((at for at, turn in enumerate(wish.turns) if turn.role == "assistant"), len(wish.turns))
    return any(said in turn.text for turn in wish.turns[answered:])


@feature("developer-role", "developer")
def developer_role(cell: Cell) -> None:
    """The developer's instruction has the rank of a system message everywhere."""
    exchange = cell.tell(System("Answer in Latin.", "developer"), cell.ask())
    cell.arrives("Answer in Latin." in exchange.wish.said_by("system", "developer"), exchange)


def _sees(cell: Cell, medium: Medium, expected: Seen) -> None:
    exchange = cell.tell(User(cell.ask("What is this?").text, (medium,)))
    cell.arrives(exchange.wish.media == [expected], exchange)


@feature("image-data-url", "image")
def image_data_url(cell: Cell) -> None:
    """An image inside the request."""
    _sees(cell, Medium("image", f"data:image/png;base64,{PNG}"), Seen("image", "image/png", PNG))


@feature("image-https-url", "image", "url")
def image_https_url(cell: Cell) -> None:
    """An image by its link, which the provider fetches."""
    exchange = cell.tell(User(cell.ask("What is this?").text, (Medium("image", LINK),)))
    cell.arrives([seen.url for seen in exchange.wish.media] == [LINK], exchange)


@feature("image-wrong-type", "image")
def image_wrong_type(cell: Cell) -> None:
    """A JPEG called PNG arrives as the JPEG that it is."""
    _sees(cell, Medium("image", f"data:image/png;base64,{JPEG}"), Seen("image", "image/jpeg", JPEG))


@feature("pdf", "file", "pdf")
def pdf(cell: Cell) -> None:
    """A document inside the request."""
    _sees(cell, Medium("file", f"data:application/pdf;base64,{REPORT}"), Seen("file", "application/pdf", REPORT))


@feature("file-name", "filename")
def file_name(cell: Cell) -> None:
    """What the document is called, which people speak of it by."""
    medium = Medium("file", f"data:application/pdf;base64,{REPORT}", "report.pdf")
    exchange = cell.tell(User(cell.ask("Sum up report.pdf.").text, (medium,)))
    cell.arrives([seen.name for seen in exchange.wish.media] == ["report.pdf"], exchange, "filename")


def _marked(cell: Cell, spelling: str) -> None:
    # OpenAI's breakpoints are for its newest models
    exchange = cell.tell(User(cell.ask().text, marked=spelling), model="thinking")
    cell.arrives(exchange.wish.markers == 1, exchange, "cache_control")


@feature("prompt-cache-marker", "cache_control")
def prompt_cache_marker(cell: Cell) -> None:
    """A breakpoint in the face's own spelling."""
    _marked(cell, "openai")


@feature("prompt-cache-marker-of-anthropic", "cache_control")
def prompt_cache_marker_of_anthropic(cell: Cell) -> None:
    """The spelling that many OpenAI clients send for Anthropic's models."""
    _marked(cell, "anthropic")


def _said(text: str) -> Echo:
    """A turn of the assistant, as every face spells it."""
    return Echo(({"role": "assistant", "content": text},))


@feature("image-in-tool-result", "image")
def image_in_tool_result(cell: Cell) -> None:
    """A tool's screenshot is seen, and its text stays the result of its call."""
    history = Calls((Call("call_1", "get_weather", {"city": "Paris"}),))
    seen = Results((("call_1", "a photo of the sky"),), media=(Medium("image", f"data:image/png;base64,{PNG}"),))
    exchange = cell.tell(cell.ask(), history, seen, tools=[WEATHER])
    cell.arrives(exchange.wish.media == [Seen("image", "image/png", PNG)], exchange)
    cell.arrives("a photo of the sky" in exchange.wish.results[0].text, exchange)


def _hears(cell: Cell, model: str) -> None:
    medium = Medium("audio", f"data:audio/wav;base64,{SOUND}")
    exchange = cell.tell(User(cell.ask("What is said here?").text, (medium,)), model=model)
    cell.arrives([(seen.kind, seen.data) for seen in exchange.wish.media] == [("audio", SOUND)], exchange)


@feature("audio", "audio")
def audio(cell: Cell) -> None:
    """A sound, to a model that hears."""
    _hears(cell, "hearing")


@feature("audio-unheard", "audio")
def audio_unheard(cell: Cell) -> None:
    """A sound, where no model hears: it is not left out, since the answer would be about nothing."""
    _hears(cell, "sampling")


@feature("assistant-first")
def assistant_first(cell: Cell) -> None:
    """A chat window greets before anybody has said anything."""
    exchange = cell.tell(_said("Welcome aboard!"), cell.ask())
    cell.arrives("Welcome aboard!" in exchange.wish.said_by("assistant"), exchange)


@feature("prefill", "prefill")
def prefill(cell: Cell) -> None:
    """The caller begins the answer, and wishes it gone on with."""
    exchange = cell.tell(cell.ask("Tell a tale."), _said("Once upon"))
    cell.arrives("Once upon" in exchange.wish.said_by("assistant"), exchange)
    cell.arrives(exchange.wish.turns[-1].role == "assistant", exchange, "prefill")


@feature("blank-turns")
def blank_turns(cell: Cell) -> None:
    """Turns that say nothing hinder nobody: what was said around them arrives."""
    exchange = cell.tell(User("Hello."), _said("Hi."), User(" "), _said("Yes?"), cell.ask())
    cell.arrives("Hello." in exchange.wish.said_by("user") and cell.mark in exchange.wish.said_by("user"), exchange)
    cell.arrives("Hi." in exchange.wish.said_by("assistant") and "Yes?" in exchange.wish.said_by("assistant"), exchange)


@feature("nothing-but-blanks", "messages", "prompt")
def nothing_but_blanks(cell: Cell) -> None:
    """A question without a word: told at once, but to a caller whose own dialect takes it."""
    answer = cell.send(User(" "))
    if answer.status == 400:
        raise Ended(REFUSED, answer.body.decode()[:300])
    cell.stands(answer.status == 200, answer, f"{answer.status}")
