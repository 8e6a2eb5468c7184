"""The fixed English of questions: how they open, and the words that mark the parts of a finding.

Everything medical comes from the ontology; these are the words around it.
"""

import re

from kg.words import fold_word

EXAMPLES = (
    "causes of calf cramps relieved by rest",
    "treatments for plantar fasciitis",
    "risk factors for deep vein thrombosis",
    "red flags of sciatica",
    "what relieves restless legs syndrome",
)

_NOUNS = {
    "treatments": r"(?:\w+ )?treatments?|remed(?:y|ies)|therap(?:y|ies)",
    "risk_factors": r"risk factors?",
    "red_flags": r"red flags?|warning signs?|danger signs?",
    "symptoms": r"(?:\w+ )?symptoms?|signs?",
    "complications": r"complications?|consequences?",
    "tests": r"diagnosis|(?:diagnostic )?tests?",
    "prevention": r"prevention",
    "conditions": r"(?:\w+ )?causes?",
}
"""What is asked for as a noun: 'the … of gout', 'gout …'."""

_SENTENCES = (
    (r"how (?:to|do i|do you|can i|do doctors) treat (.+)", "treatments"),
    (r"how (?:is|are) (.+) treated", "treatments"),
    (r"what treats (.+)", "treatments"),
    (r"what (?:increases|raises) the risk of (.+)", "risk_factors"),
    (r"how does (.+) (?:present|feel|show(?: itself)?)", "symptoms"),
    (r"what can (.+) lead to", "complications"),
    (r"how (?:is|are) (.+) diagnosed", "tests"),
    (r"how (?:to|do i|can i|do you) prevent (.+)", "prevention"),
    (r"how (?:can|is|are) (.+?)(?: be)? prevented", "prevention"),
    (r"what prevents (.+)", "prevention"),
    (r"(?:which|what) (?:structures?|parts?) (?:does|do) (.+) affect", "structures"),
    (r"what (?:can be|is|are) (?:confused with|mistaken for) (.+)", "confusions"),
    (r"what (?:can )?(?:relieves?|helps?|eases?|soothes?|stops?)(?: with)? (.+)", "relief"),
    (r"what (?:can |could |might |may )?causes? (.+)", "conditions"),
    (
        r"(?:which |what )?(?:conditions?|diseases?|disorders?) (?:that |which )?"
        r"(?:can |could |may |might )?(?:of|in|with|causes?|causing|affect|affecting|"
        r"present with|presenting with|show) (.+)",
        "conditions",
    ),
    (r"why (?:do|does|is|are) (?:i have |i get )?(.+)", "conditions"),
)

OPENINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), ask)
    for pattern, ask in (
        *(
            (rf"(?:what (?:are|is) )?(?:the )?(?:{noun}) (?:of|for|in|against|behind) (.+)", ask)
            for ask, noun in _NOUNS.items()
        ),
        *_SENTENCES,
        *((rf"(.+) (?:{noun})", ask) for ask, noun in _NOUNS.items()),
    )
)
"""Patterns for a whole question and what it asks for; the group is what it asks about."""

_MARKED = {
    "relieved_by": (
        "relieved by|relieved with|relieved when|relieved after|eased by|eased with|eased when|"
        "ease with|ease when|better|better with|better when|better by|better on|better after|"
        "better for|get better with|get better when|made better by|improved by|improved with|"
        "improve with|improve when|helped by|alleviated by|soothed by|go away with|go away when|"
        "go away after|settle with|stop with|stop when"
    ),
    "aggravated_by": (
        "worse|worse with|worse when|worse on|worse after|worse by|worse during|worse for|"
        "worse in|worse at|get worse with|get worse when|made worse by|made worse with|"
        "worsened by|worsen with|worsen when|aggravated by|exacerbated by"
    ),
    "triggered_by": (
        "triggered by|brought on by|provoked by|set off by|induced by|caused by|precipitated by|"
        "start with|start when|come on with|come on when"
    ),
    "quality": "described as|feel like|feeling like",
    "timing": "timed as",
    "laterality": "with laterality",
}
MARKERS: dict[tuple[str, ...], str] = {
    tuple(map(fold_word, words.split())): role
    for role, phrases in _MARKED.items()
    for words in phrases.split("|")
}
"""Folded phrase → the role of what follows it."""

SOFT_MARKERS = frozenset({"when", "while", "during", "on", "with", "after", "from"})
"""Words that mark a trigger if an activity follows, and are glue otherwise."""

PRONOUNS = frozenset({"i", "you", "we", "he", "she", "they", "when", "am", "are", "is"})
"""Words that may stand between a marker and its activity: 'worse when I walk'."""

_GLUE = """
    in of on at with and that which is are am be been being it i you he she they when while during
    after from to for do does did has have having had get gets getting feel feels felt feeling me
    by as this these there can also both any symptom complaint located
"""
GLUE = frozenset(map(fold_word, _GLUE.split()))
"""Words that carry nothing of their own."""

_NEGATIONS = (
    "no not never without except none neither nor dont doesnt isnt arent cant cannot unless"
)
NEGATIONS = frozenset(_NEGATIONS.split())
"""Words that would turn a question round if they were dropped."""
