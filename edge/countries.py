"""Serials of civil plates by country: those given out now and older ones that are still on the road.

Written as `formats.py` explains; general knowledge, from memory and from what is published of the serials, not from any
register. Diplomats', soldiers' and vanity plates are not in it: what fits no template stays as it was read.
"""

from string import ascii_uppercase
from typing import NamedTuple


class Country(NamedTuple):
    """Name and templates, separated by spaces."""

    name: str
    templates: str


_ITALIAN = "[ABCDEFGHJKLMNPRSTVWXYZ]"
_FRENCH = "[ABCDEFGHJKLMNPQRSTVWXYZ]"
_SPANISH = "[BCDFGHJKLMNPRSTVWXYZ]"
_DUTCH = "[BDFGHJKLMNPRSTVWXYZ]"
_CYRILLIC = "[ABEKMHOPCTYX]"
_UKRAINIAN = "[ABCEHIKMOPTX]"
_GREEK = "[ABEZHIKMNOPTYX]"
_CHILEAN = "[BCDFGHJKLPRSTVWXYZ]"
_SWISS = "{ag,ai,ar,be,bl,bs,fr,ge,gl,gr,ju,lu,ne,nw,ow,sg,sh,so,sz,tg,ti,ur,vd,vs,zg,zh}"
_ROMANIAN = (
    "{ab,ar,ag,bc,bh,bn,bt,br,bv,bz,cl,cs,cj,ct,cv,db,dj,gl,gr,gj,hr,hd,il,is,if,mm,mh,ms,nt,ot,ph,sj,sm,sb,sv,tl,tm,"
    "tr,vl,vs,vn}"
)
_IRISH = "{c,ce,cn,cw,d,dl,g,ke,kk,ky,l,ld,lh,lk,lm,ls,mh,mn,mo,oy,rn,so,t,tn,ts,w,wd,wh,wx,ww}"


def _spelt(template: str, **letters: str) -> str:
    """A template with capitals replaced by what they stand for in one country."""
    return "".join(letters.get(character, character) for character in template)


_STATE_LETTERS = {
    sign: "[" + "".join(letter for letter in ascii_uppercase if letter not in left_out) + "]"
    for sign, left_out in {"L": "IOQ", "M": "IO", "N": "O"}.items()
}


def _state(name: str, templates: str) -> Country:
    """One of the United States; L is a letter but I, O and Q, M one but I and O, N one but O."""
    return Country(name, _spelt(templates, **_STATE_LETTERS))


_STATES = {
    "us-al": _state("Alabama", "0L0000L 00L000L 0LL0000 00000LL"),
    "us-ak": _state("Alaska", "LLL000"),
    "us-az": _state("Arizona", "LLL0000 L0L0LL"),
    "us-ar": _state("Arkansas", "000LLL LLL00L"),
    "us-ca": _state("California", "0LLL000 0L{i,o,q}L000 0L00000"),
    "us-co": _state("Colorado", "AAA000 AAAA00 000AAA"),
    "us-ct": _state("Connecticut", "AA00000 000AAA AAA000"),
    "us-de": _state("Delaware", "000000 00000"),
    "us-dc": _state("District of Columbia", "LL0000"),
    "us-fl": _state("Florida", "MMMM00 MM00MM M000MM 000MMM"),
    "us-ga": _state("Georgia in the United States", "NNN0000"),
    "us-hi": _state("Hawaii", "LLL000"),
    "us-id": _state("Idaho", "L000000 0L00000 0LL0000"),
    "us-il": _state("Illinois", "LL00000 L000000 0000000"),
    "us-in": _state("Indiana", "000MMM 000M 000MM"),
    "us-ia": _state("Iowa", "MMM000"),
    "us-ks": _state("Kansas", "000MMM 0000MMM"),
    "us-ky": _state("Kentucky", "000LLL L0L000"),
    "us-la": _state("Louisiana", "000LLL LLL000"),
    "us-me": _state("Maine", "0000MM 000MM"),
    "us-md": _state("Maryland", "0LL0000 LLL000"),
    "us-ma": _state("Massachusetts", "0LL000 000LL0 0LLL00 00LL00"),
    "us-mi": _state("Michigan", "MMM0000 0MMM00"),
    "us-mn": _state("Minnesota", "000LLL LLL000"),
    "us-ms": _state("Mississippi", "MMM000 MMM0000"),
    "us-mo": _state("Missouri", "LL0L0L 0LLL00 000LLL"),
    "us-mt": _state("Montana", "000000L 000000"),
    "us-ne": _state("Nebraska", "NNN000 0N0000 00N000"),
    "us-nv": _state("Nevada", "000LLL 00L000 000L00"),
    "us-nh": _state("New Hampshire", "0000000 000000"),
    "us-nj": _state("New Jersey", "L00LLL LLL00L"),
    "us-nm": _state("New Mexico", "LLL000 000LLL LLLL00"),
    "us-ny": _state("New York", "LLL0000"),
    "us-nc": _state("North Carolina", "LLL0000"),
    "us-nd": _state("North Dakota", "000LLL LLL000"),
    "us-oh": _state("Ohio", "NNN0000 NN00NN"),
    "us-ok": _state("Oklahoma", "MMM000 000MMM"),
    "us-or": _state("Oregon", "000MMM MMM000"),
    "us-pa": _state("Pennsylvania", "LLL0000"),
    "us-ri": _state("Rhode Island", "MM000 000000 00000"),
    "us-sc": _state("South Carolina", "NNN000 0000NN 0NN00"),
    "us-sd": _state("South Dakota", "0LL000 00L000 00LL00"),
    "us-tn": _state("Tennessee", "M0000M 0M00M0 MMM0000 000MMM"),
    "us-tx": _state("Texas", "LLL0000 000LLL"),
    "us-ut": _state("Utah", "L000LL 000LLL"),
    "us-vt": _state("Vermont", "LLL000"),
    "us-va": _state("Virginia", "LLL0000 LLL000"),
    "us-wa": _state("Washington", "LLL0000 000LLL"),
    "us-wv": _state("West Virginia", "0LL000 00L000 {o,n,d}LL000"),
    "us-wi": _state("Wisconsin", "LLL0000 000LLL LLL000"),
    "us-wy": _state("Wyoming", "000000 0000000"),
}
COUNTRIES = {
    "ad": Country("Andorra", "A0000"),
    "al": Country("Albania", "AA000AA AA0000A"),
    "ar": Country("Argentina", "AAA000 AA000AA A000AAA 000AAA"),
    "at": Country("Austria", "A{0,00,000,0000,00000}{A,AA,AAA} AA{0,00,000,0000}{A,AA,AAA} AA00000A"),
    "au": Country("Australia", "AAA000 AAA00A AA00AA 0AA0AA 000AAA s000AAA 0AAA000 AAA00 00AAA A0AAA"),
    "ba": Country("Bosnia and Herzegovina", _spelt("L00L000 000L000", L="[AEJKMOT]")),
    "be": Country("Belgium", "0AAA000 AAA000 000AAA qAAA000"),
    "bg": Country("Bulgaria", _spelt("L0000LL LL0000LL LLLL0000", L=_CYRILLIC)),
    "bo": Country("Bolivia", "0000AAA 000AAA"),
    "br": Country("Brazil", "AAA0000 AAA0A00"),
    "by": Country("Belarus", "0000AA0 AA00000"),
    "ca": Country("Canada", "AAAA000 AAA000 AAA0000 000AAA A00AAA AA000A AA00A AA000 0AA000"),
    "ch": Country("Switzerland", _SWISS + "0{,0}{,0}{,0}{,0}{,0}"),
    "cl": Country("Chile", _spelt("LLLL00 LL0000 LLL00 LL000", L=_CHILEAN)),
    "co": Country("Colombia", "AAA000 AAA00A AAA00"),
    "cy": Country("Cyprus", "AAA000 AA000"),
    "cz": Country("Czechia", "0A00000 0AA0000 AAA0000 0A00A00 el000AA"),
    "de": Country("Germany", "AA{,A}{,A}0{,0}{,0}{,0}{,e,h} AAAAA0{,0}{,0}"),
    "dk": Country("Denmark", "AA00000"),
    "ec": Country("Ecuador", "AAA0000 AAA000 AA000A"),
    "ee": Country("Estonia", "000AAA 00AAA"),
    "es": Country("Spain", _spelt("0000LLL r0000LLL", L=_SPANISH) + " A0000A{,A} AA0000A{,A} A000000 AA000000"),
    "fi": Country("Finland", "AA0{,0}{,0} AAA0{,0}{,0}"),
    "fr": Country("France", _spelt("LL000LL", L=_FRENCH) + " {,0}{,0}00AA{00,2a,2b} {,0}00AAA{00,2a,2b}"),
    "gb": Country(
        "United Kingdom",
        "AA00AAA A0{,0}{,0}AAA AAA0{,0}{,0}A AAA{,0}{,0}00 AA0{,0}{,0}{,0} A00{,0}{,0} 0{,0}{,0}{,0}AA "
        "0{,0}{,0}AAA 00{,0}A",
    ),
    "ge": Country("Georgia", "AA000AA AAA000"),
    "gr": Country("Greece", _spelt("LLL0000 LLL000 LL0000", L=_GREEK)),
    "hk": Country("Hong Kong", "AA0{,0}{,0}{,0}"),
    "hr": Country("Croatia", "AA000A{,A} AA0000A{,A}"),
    "hu": Country("Hungary", "AAA000 AAAA000 AAAA00"),
    "id": Country("Indonesia", "A{,A}0{,0}{,0}{,0}{,A}{,A}A"),
    "ie": Country("Ireland", "{00,000}" + _IRISH + "0{,0}{,0}{,0}{,0}{,0}"),
    "il": Country("Israel", "0000000 00000000"),
    "in": Country("India", "AA0{,0}{,A}{,A}{,A}0000 00bh0000A{,A}"),
    "is": Country("Iceland", "AAA00 AA000 AAX00"),
    "it": Country(
        "Italy",
        _spelt("LL000LL", L=_ITALIAN) + " AA00000 AA000000 AA0A0000 AAA00000 AA00A000 " + _spelt("L000LL", L=_ITALIAN),
    ),
    "kz": Country("Kazakhstan", "000AAA00 000AA00 A000AAA"),
    "li": Country("Liechtenstein", "fl0{,0}{,0}{,0}{,0}"),
    "lt": Country("Lithuania", "AAA000 AA0000 AA000"),
    "lu": Country("Luxembourg", "AA0000 AA000 00000 0000"),
    "lv": Country("Latvia", "AA0{,0}{,0}{,0}"),
    "ma": Country("Morocco", "0{,0}{,0}{,0}{,0}A0{,0} 0{,0}{,0}{,0}{,0}0{,0}"),
    "mc": Country("Monaco", "X000 0000"),
    "md": Country("Moldova", "AAA000 AAAA000"),
    "me": Country("Montenegro", "AAAA000"),
    "mk": Country("North Macedonia", "AA0000AA AA000AA"),
    "mt": Country("Malta", "AAA000"),
    "mx": Country("Mexico", "AAA000A AAA0000 AA00000 A00AAA 000AAA AAA00 000AA A00AA"),
    "my": Country("Malaysia", "A{,A}{,A}0{,0}{,0}{,0}{,A}"),
    "nl": Country(
        "Netherlands",
        _spelt(
            "LL0000 0000LL 00LL00 LL00LL LLLL00 00LLLL 00LLL0 0LLL00 LL000L L000LL LLL00L L00LLL 0LL000 000LL0 00LLL",
            L=_DUTCH,
        ),
    ),
    "no": Country("Norway", "AA00000 AA0000"),
    "nz": Country("New Zealand", "AAA000 AA0000 AAA00 A0AAA 00AAA"),
    "pe": Country("Peru", "AXA000 AA0000 AAA000 A00000 00000A"),
    "pl": Country(
        "Poland",
        "AA00000 AA0000A AA000AA AA0A000 AA0AA00 AAAA000 AAA00AA AAA0A00 AAA00A0 AAA0AA0 AAAAA00 AAA00000 AAA0000A "
        "AAA000AA AAAA00A AAA0A0A A00000 A0AAA A00AA A000A AA00AA AA0000 AA000A",
    ),
    "pt": Country("Portugal", "AA00AA 00AA00 0000AA AA0000"),
    "py": Country("Paraguay", "AAA000 AAAA000 000AAAA 000AAA"),
    "ro": Country("Romania", f"b00AAA b000AAA {_ROMANIAN}00AAA {{b,{_ROMANIAN[1:-1]}}}000{{,0}}{{,0}}{{,0}}"),
    "rs": Country("Serbia", "AA000AA AA0000AA AA00000"),
    "ru": Country("Russia", _spelt("L000LL00 L000LL000 LL00000 LL000000 LL0000 0000LL00", L=_CYRILLIC)),
    "se": Country("Sweden", "AAA000 AAA00A"),
    "sg": Country("Singapore", "sA{,A}0{,0}{,0}{,0}A"),
    "si": Country("Slovenia", "AAAA000 AA000AA AA00A00 AA0A000 AA0AA00 AA000A0 AA00AA0 AAA0000 AAAA00A AA000A AA00AA"),
    "sk": Country("Slovakia", "AA000AA"),
    "sm": Country("San Marino", "A0000 A000 A00"),
    "tr": Country("Türkiye", "00A0000 00A00000 00AA000 00AA0000 00AAA00 00AAA000"),
    "ua": Country("Ukraine", _spelt("LL0000LL", L=_UKRAINIAN) + " 00000AA 0000A0"),
    "us": Country(
        "United States",
        "AAA0000 0AAA000 AAA000 000AAA AA0000 A00AAA AAA00A A0000A 00A000 0A000A A0A0AA AA0AA 000000 0000AAA AA00000 "
        "0AA0000 AA0000A 000AA0 " + " ".join(state.templates for state in _STATES.values()),
    ),
    **_STATES,
    "uy": Country("Uruguay", "AAA0000 AAA000"),
    "ve": Country("Venezuela", "AA000AA AAA00A"),
    "za": Country(
        "South Africa", "AA00AAgp AAA000{gp,ec,mp,nw,l} ca000000 nd0{,0}{,0}{,0}{,0}{,0} ca0{,0}{,0}{,0}{,0}"
    ),
}
"""ISO 3166 code in small letters, and those of the United States: "us-ca" → its plates."""
_ALPHA_3 = (
    "and:ad alb:al arg:ar aut:at aus:au bih:ba bel:be bgr:bg bol:bo bra:br blr:by can:ca che:ch chl:cl col:co "
    "cyp:cy cze:cz deu:de dnk:dk ecu:ec est:ee esp:es fin:fi fra:fr gbr:gb geo:ge grc:gr hkg:hk hrv:hr hun:hu "
    "idn:id irl:ie isr:il ind:in isl:is ita:it kaz:kz lie:li ltu:lt lux:lu lva:lv mar:ma mco:mc mda:md mne:me "
    "mkd:mk mlt:mt mex:mx mys:my nld:nl nor:no nzl:nz per:pe pol:pl prt:pt pry:py rou:ro srb:rs rus:ru swe:se "
    "sgp:sg svn:si svk:sk smr:sm tur:tr ukr:ua usa:us ury:uy ven:ve zaf:za"
)
ALPHA_3 = dict(pair.split(":") for pair in _ALPHA_3.split())
"""ISO 3166 code of three letters → that of two, of the countries above."""

VEHICLES = {
    **{
        "in": 330,
        "us": 290,
        "id": 150,
        "br": 115,
        "de": 60,
        "ru": 60,
        "mx": 55,
        "it": 53,
        "fr": 46,
        "th": 42,
        "gb": 41,
    },
    **{"es": 36, "my": 33, "pl": 33, "tr": 30, "ca": 26, "ar": 23, "au": 21, "co": 18, "za": 13, "nl": 11, "ua": 10},
    **{
        "gr": 9,
        "ro": 9,
        "cz": 8,
        "at": 7,
        "be": 7,
        "pt": 7,
        "ch": 6,
        "cl": 6,
        "se": 6,
        "ec": 5,
        "hu": 5,
        "kz": 5,
        "ma": 5,
    },
    **{
        "nz": 5,
        "pe": 5,
        "ve": 5,
        "bg": 4,
        "by": 4,
        "dk": 4,
        "fi": 4,
        "il": 4,
        "no": 4,
        "ie": 3,
        "py": 3,
        "rs": 3,
        "sk": 3,
    },
    **{"uy": 3, "bo": 2, "ge": 2, "hr": 2, "lt": 2, "si": 2},
}
"""Millions of vehicles with plates, motor-cycles among them, rounded and from memory; elsewhere about one."""
