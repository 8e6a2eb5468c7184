"""Words said in passing: how long ago, how far, how many. They are no part of a finding.

A length of time is one where the complaint lasts it: 'lasts a few minutes' is read, 'ten minutes
ago' is not.
"""

import re
from collections.abc import Sequence

_NUMBER = (
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|"
    r"couple(?: of)?|few|several|some|many)"
)
_SHORT = r"(?:second|sec|minute|min|hour|hr)"
_LONG = (
    r"(?:day|week|month|year|yr|night|mile|km|meter|yard|block|step|aisle|session|lap|time|round|"
    r"pound|stone|kg|lb|inch|cm)"
)
_COUNTED = re.compile(
    rf"(?:about |around |roughly |over |nearly |after |within |past |like )*"
    rf"{_NUMBER}(?: (?:to |or )?{_NUMBER})? (?:more )?(?:{_SHORT}|{_LONG})\b"
    r"(?: (?:ago|back|later|earlier|now|old|straight|into|in|off|or so|at time|each|running))*"
)
_FIXED = re.compile(
    r"(?:(?:all|whole|entire|most of) (?:day|week|year|shift|weekend|time|way)(?: long)?"
    r"|(?:this|next|last|other|these|every other) (?:day|week|month|year|summer|winter|season)"
    r"|other (?:leg|foot|knee|calf|hip|ankle|thigh|side|one|hand|arm)"
    r"|(?:last|next) night|day after|(?:second|first|third) time|few day off|day off|right now"
    r"|come and go of|no matter|sort of|kind of|bit of|rest of|most of|blood pressure)\b"
)
LASTING = frozenset({"last", "lasting", "for", "lasted", "up"})
"""Words after which a short length of time is that of the complaint."""


def passing(words: Sequence[str], before: str) -> int:
    """How many of the (folded) words at the start are said in passing; `before` stands before."""
    text = " ".join(words[:10])
    found = _COUNTED.match(text)
    if found is not None:
        is_short = re.search(rf" {_SHORT}\b", found[0]) is not None
        return 0 if is_short and before in LASTING else found[0].count(" ") + 1
    fixed = _FIXED.match(text)
    return 0 if fixed is None else fixed[0].count(" ") + 1
