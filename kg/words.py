"""Folds English words to a common form, so that questions and labels meet.

Case, accents, hyphens, possessives, plural and British or American spelling do not count. The
form is a key, not a word to show: both sides are folded the same way, so a fold that is odd
English (`ankles` → `ankl`) does no harm unless two different words meet.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

ARTICLES = frozenset({"the", "a", "an", "my", "your", "his", "her", "their", "our"})
"""Words that count neither in a name nor in a question."""

IRREGULAR = {
    "calves": "calf",
    "feet": "foot",
    "teeth": "tooth",
    "men": "man",
    "women": "woman",
    "children": "child",
    "swollen": "swelling",
    "swell": "swelling",
    "swells": "swelling",
    "numb": "numbness",
    "weak": "weakness",
    "stiff": "stiffness",
    "itchy": "itching",
    "swelled": "swelling",
    "swellings": "swelling",
    "ached": "ache",
    "limped": "limp",
    "limping": "limp",
    "popped": "pop",
    "tingle": "tingling",
    "tingles": "tingling",
    "tingled": "tingling",
    "tingly": "tingling",
    "throb": "throbbing",
    "throbs": "throbbing",
    "throbbed": "throbbing",
    "bruised": "bruise",
    "cramped": "cramp",
    "itched": "itch",
    "twitched": "twitch",
    "buckled": "buckle",
    "goes": "go",
    "going": "go",
    "went": "go",
    "gives": "give",
    "giving": "give",
    "gave": "give",
    "fell": "fall",
    "diabetic": "diabetes",
    "cant": "cannot",
    "couldnt": "cannot",
}
_KEEP_S = ("ss", "us", "is", "as", "os")
_SPELLING = (
    (re.compile(r"(?<=.)ae(?=.)"), "e"),
    (re.compile(r"^ae"), "e"),
    (re.compile(r"oe(?=dem|stro|soph)"), "e"),
    (re.compile(r"(?<=rrh)oe"), "e"),
    (re.compile(r"(?<=[a-z]{2}[lmrvbn])our(?=s?$|ed$|ing$|ation$)"), "or"),
    (re.compile(r"is(?=e$|ed$|es$|ing$|ation$)"), "iz"),
    (re.compile(r"tre$"), "ter"),
    (re.compile(r"fibre"), "fiber"),
    (re.compile(r"^grey$"), "gray"),
    (re.compile(r"ll(?=ed$|ing$)"), "l"),
)


BREAKS = ",;.:!?()"
"""Signs between clauses."""
_WORD = re.compile(r"[^\s,;.:!?()\-/\u2013\u2014]+(?:\.\d+)?")


def tokens(text: str) -> list[str]:
    """The words of a text, lower case, without accents, hyphens or possessives."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    plain = re.sub(r"'s\b", "", plain).replace("'", "")
    return re.findall(r"[a-z0-9]+", plain)


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word of a text and where it stands.

    `begins`: a clause begins with it; `is_determined`: an article or the like stands before it.
    """

    text: str
    start: int
    end: int
    begins: bool
    is_determined: bool = False


def words_of(text: str) -> list[Word]:
    """The folded words of a text with their places; articles are left out."""
    found = []
    begins = True
    is_determined = False
    end = 0
    for match in _WORD.finditer(text):
        begins = begins or any(sign in text[end : match.start()] for sign in BREAKS)
        end = match.end()
        for word in tokens(match[0]):
            if word in ARTICLES:
                is_determined = True
                continue
            found.append(Word(fold_word(word), match.start(), end, begins, is_determined))
            begins = is_determined = False
    return found


@lru_cache(maxsize=50_000)
def fold_word(word: str) -> str:
    """The common form of one lower-case word."""
    word = IRREGULAR.get(word, word)
    for pattern, replacement in _SPELLING:
        word = pattern.sub(replacement, word)
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(_KEEP_S):
        return word[:-1]
    return word


def fold(text: str) -> str:
    """The common form of a phrase."""
    return " ".join(map(fold_word, tokens(text)))


def phrase(text: str) -> tuple[str, ...]:
    """The folded words of a phrase, articles left out."""
    return tuple(fold_word(word) for word in tokens(text) if word not in ARTICLES)
