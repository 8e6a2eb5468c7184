"""The fixed English of questions: how they open, and the words that mark the parts of a finding.

Everything medical comes from the ontology; these are the words around it.
"""

import re

from kg.words import fold_word

EXAMPLES = (
    "causes of calf cramps relieved by rest",
    "leg pain worse standing, better bending forward",
    "I'm 65 and smoke, sudden swollen red calf, no fever",
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


def _words(text: str) -> frozenset[str]:
    """The words of a text, folded."""
    return frozenset(map(fold_word, text.split()))


def _folded(phrases: str) -> frozenset[tuple[str, ...]]:
    """Phrases separated by '|', each as its folded words."""
    return frozenset(tuple(map(fold_word, words.split())) for words in phrases.split("|"))


HEADS: dict[str, frozenset[tuple[str, ...]]] = {
    "relieved_by": _folded(
        "relieved|eased|helped|alleviated|soothed|improved|made better|better|get better|"
        "gets better|got better|feel better|feels better|felt better|ease off|eases off|eased off|"
        "die down|let up|lets up|calm|calms down|wear off|wears off"
    ),
    "aggravated_by": _folded(
        "worse|made worse|makes it worse|worsened|aggravated|exacerbated|get worse|gets worse|"
        "got worse|worsen|worsens|flare up|flares up"
    ),
    "triggered_by": _folded("come on|comes on|came on"),
}
"""What says alone that something relieves, worsens or brings on what follows it."""
BARE_HEADS: dict[str, frozenset[tuple[str, ...]]] = {
    "relieved_by": _folded(
        "settle|settles|settled|stop|stops|stopped|ease|eases|improve|improves|disappear|"
        "disappears|vanish|fade|fades|clear|clears|subside|subsides|gone|all gone|relief|relieve|"
        "relieves|go away|goes away|went away|it goes|pain goes|cramp goes|passes|fine|ok|okay|"
        "alright|all right|comfortable|painless|no problem|nothing"
    ),
    "triggered_by": _folded(
        "start|starts|started|begin|begins|began|appear|appears|happen|happens|occur|occurs|"
        "hits|kicks in|sets in"
    ),
}
"""What says so only before one of JOINING: 'goes when I rest'."""
WELL = _folded("fine|ok|okay|alright|all right|comfortable|painless")
"""What says so before an activity, too: 'fine standing'."""
_WITH = "with|when|after|on|from|for|once|if|as soon as|soon as|while|during|in|at|whenever"
JOINING: dict[str, frozenset[tuple[str, ...]]] = {
    "relieved_by": _folded(f"{_WITH}|by"),
    "aggravated_by": _folded(f"{_WITH}|by"),
    "triggered_by": _folded(_WITH),
}
"""What leads from a head to what it speaks of."""
ADVERBS = _words("""
    again soon quickly completely totally straight straightaway away off down slightly little
    bit much immediately instantly slowly almost only right within
""")
"""Words that may stand between a head and what leads on from it."""
_MARKED = {
    "triggered_by": "triggered by|brought on by|provoked by|set off by|induced by|caused by|"
    "precipitated by|bring on by|brings it on",
    "quality": "described as|feel like|feels like|feeling like|felt like",
    "timing": "timed as",
    "laterality": "with laterality",
    "risk_factor": "with risk factor|risk factor|history of|with history of|past history of",
}
MARKERS: dict[tuple[str, ...], str] = {
    words: role for role, phrases in _MARKED.items() for words in _folded(phrases)
}
"""Folded phrase → the role of what follows it."""

_AFTERWARDS = {
    "relieved_by": (
        "help|helps|helped|help it|helps it|eases it|ease it|relieves it|relieve it|cures it|"
        "cure it|"
        "makes it better|make it better|makes it go away|takes it away|is better|feels better|"
        "brings relief|soothes it|settles it|stops it|gets rid of it|helps a bit|eases the pain|"
        "relieves the pain|helps the pain|and it is ok|and its ok|and its fine|and it goes|it goes|"
        "and im fine|and im ok|and it stops|and it eases|fixes it|sorts it|sorts it out|fix it|"
        "does the trick|gives relief|gets relief|to get relief|for relief|settles|eases|is fine|"
        "is ok|is okay|makes it easier|takes the edge off|takes the pressure off|feels good"
    ),
    "aggravated_by": (
        "makes it worse|make it worse|worsens it|worsen it|is worse|hurts more|hurt more|"
        "is painful|"
        "is agony|is worst|aggravates it|makes it hurt"
    ),
    "triggered_by": (
        "brings it on|bring it on|sets it off|set it off|triggers it|starts it|hurts|hurt"
    ),
}
AFTERWARDS: dict[tuple[str, ...], str] = {
    tuple(map(fold_word, words.split())): role
    for role, phrases in _AFTERWARDS.items()
    for words in phrases.split("|")
}
"""Folded phrase → the role of what stands before it: 'rest helps'."""

FILLERS = _words("it out them just really usually always often sometimes only still also")
"""Words that may stand between a factor and what is said of it."""

SOFT_MARKERS = _words("when while during on with after from whenever if since following")
"""Words that mark a trigger if an activity follows, and are glue otherwise."""

PRONOUNS = _words("""
    i you we he she they it when am are is im were was do to of try have had been being
""")
"""Words that may stand between a marker and its activity: 'worse when I walk'."""

GLUE = _words("""
    in of on at with and that which is are am be been being it i you he she they when while during
    after from to for do does did has have having had get gets getting feel feels felt feeling me
    by as this these there can also both any symptom complaint located its ive im theres theyre
    ill id hes shes weve like then now bit so too even well some all one
""")
"""Words that carry nothing of their own."""

NEGATIONS = _words("""
    no not never without except none neither nor dont doesnt isnt arent wasnt werent didnt hasnt
    havent hardly free
""")
"""Words that deny what follows them in their clause."""

AFFIRMATIVES = _words("only just always alway sure yet until till long longer much able being")
"""Words before which a negation denies nothing: 'not only'."""

DENIED_SO = _words("""
    real obvious visible other sign history major much actual noticeable particular significant
    feeling have had been get sudden recent previous known kind sort more further injury
""")
"""Words between a negation and what it denies: 'no obvious swelling'."""

RESTARTS = _words("it its they theyre i ive im something")
"""Words with which a speaker begins anew: 'not pain really its like …'."""

NORMAL = _words("fine ok okay normal good clear alright well")
"""Words that say that a place has nothing: 'the front of the knee is fine'."""

MUST = _words("have had need got gotta must")
"""Words of what one must do: 'I have to stop'."""

SCOPE_ENDS = _words("but however although though yet whereas except")
"""Words at which what was denied ends."""

STATEMENT = re.compile(r"(?:is|are|does|do|can|could|will) (?!there\b|i have\b).+", re.IGNORECASE)
"""A question that is answered by yes or no."""

COMPARISON = re.compile(
    r"(?:(?:what|how) do |what is the difference between |difference between |compare |"
    r"how (?:can|do) (?:i|you|doctors) tell )(.+?) (?:and|vs\.?|versus|from|with) (.+?)"
    r"(?: share| have in common| differ| apart)?",
    re.IGNORECASE,
)
"""Two things that are to be told apart."""

LISTING = _words("and or to down into through from up")
"""Words between places each of which is meant: 'from the back down to the foot'."""

WITHOUT = re.compile(
    r"(.+?) (?:without|but not|other than|apart from|except(?: for)?|avoiding) (.+)"
)
"""A condition, and what is not wanted as an answer."""

BACK_TO = _words("again to from in home out then when after later ago")
"""Words before which 'back' is no place."""

COMES_BACK = _words("""
    it its go come came fly flew get got then pull lie lean sit was right straight move put look
    fall grow week day month year
""")
"""Words after which 'back' is no place."""

WHICH = _words("both each left right")
"""Words for which of two: 'back of both heels'."""

IS = _words("is was are look feel seem totally completely perfectly still be been")
"""Words between a place and what is said of it."""

WORDS: frozenset[str] = frozenset().union(
    *(GLUE, PRONOUNS, NEGATIONS, AFFIRMATIVES, FILLERS, SOFT_MARKERS, ADVERBS, DENIED_SO, NORMAL),
    *MARKERS,
    *AFTERWARDS,
    *(
        words
        for heads in (HEADS, BARE_HEADS, JOINING)
        for known in heads.values()
        for words in known
    ),
)
"""Every word of the grammar, folded: none is misspelt."""
