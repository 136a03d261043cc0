"""A reader of HTML that forgives nothing."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "hr", "input", "wbr"}


class Page(HTMLParser):
    """What a page holds.

    Attributes
    ----------
    ids
        Of all elements, in their order.
    tags
        Name and attributes of all elements.
    words
        Texts by the innermost element that holds them.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        found = {name: value or "" for name, value in attributes}
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert "svg" in self._open, f"<{tag}/> is no HTML"
        self.handle_starttag(tag, attributes)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self._open[-1], " ".join(data.split())))

    def texts(self, *tags: str) -> list[str]:
        return [text for tag, text in self.words if not tags or tag in tags]

    def attributes(self, name: str) -> list[str]:
        return [found[name] for _, found in self.tags if name in found]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    @property
    def sections(self) -> list[str]:
        return [found["id"] for tag, found in self.tags if tag == "section"]
