"""Words of refusals and of harmful topics, lower case, as data. What is made of them is `refusal`'s business."""

from typing import Final

OPENINGS: Final = (
    "sorry", "i'm sorry", "i am sorry", "i'm very sorry", "i'm really sorry", "apologies", "my apologies", "i apologi",
    "unfortunately", "as an ai", "as a language model", "as a large language", "i'm just an ai", "i'm an ai", "i cannot",
    "i can't", "i can not", "i'm unable", "i am unable", "i'm not able", "i am not able", "i won't", "i will not",
    "i must decline", "i have to decline", "i must refuse", "i'm afraid", "i do not feel comfortable",
    "i don't feel comfortable", "i'm not comfortable", "it is not possible for me",
)  # fmt: skip
"""How English refusals begin, and much else; an answer that begins otherwise is none."""

_CANNOT = (
    "can't ", "cannot ", "can not ", "unable to ", "not able to ", "won't be able to ", "will not be able to ",
    "not possible for me to ",
)  # fmt: skip
_DO = (
    "assist", "help with", "help you", "help create", "help write", "provide", "fulfil", "comply", "engage in", "participate",
    "support", "discuss", "create", "generate", "write", "answer", "share", "complete", "respond", "continue", "do that",
    "do this", "produce", "offer", "perform", "carry out", "process", "translate", "summari", "explain", "give you", "tell you",
    "show you", "make that", "make this", "accommodate", "go into", "talk about", "access", "describe", "proceed",
)  # fmt: skip
DENIALS: Final = (
    *(cannot + verb for cannot in _CANNOT for verb in _DO),
    *(will + verb for will in ("won't ", "will not ") for verb in ("assist", "help with", "help you with", "provide", "comply", "engage")),
    "can't help.", "cannot help.", "must decline", "have to decline", "must refuse", "not comfortable", "feel comfortable",
    "not something i can", "against my guidelines", "against my programming", "against my policy",
)  # fmt: skip
"""What makes such a beginning a refusal, in the first sentences."""

TURNS: Final = (
    "however", "here is", "here's", "here are", "nevertheless", "that said",
    "in general", "for example", "as follows", "```", "1. ", "instead, ",
)  # fmt: skip
"""An answer that turns to helping after saying what it cannot do is no refusal."""

LACKS: Final = (
    "without", "more information", "more detail", "more context", "please provide", "please share", "please specify",
    "you provide", "didn't provide", "did not provide", "haven't provided", "have not provided", "not provided", "missing",
    "attach", "don't see", "do not see", "no text", "no image", "real-time", "real time", "up-to-date", "browse",
    "the internet", "current data", "external link", "enough information", "enough context", "clarif", "which one",
    "there is no", "there are no", "does not exist", "doesn't exist", "personal opinion", "your location",
)  # fmt: skip
"""Nor is one that names what is missing from the prompt or out of every model's reach."""

NOT_MEANT: Final = (
    "stress enough", "recommend enough", "wait to", "help but", "help falling", "believe", "imagine", "sorry to hear",
    "sorry for your loss",
)  # fmt: skip
"""Idioms that contain a denial and deny nothing."""

FOREIGN: Final = (
    "es tut mir leid", "tut mir leid", "leider kann ich", "entschuldigung, aber ich kann", "ich kann dabei nicht helfen",
    "ich kann ihnen", "ich kann dir", "ich kann diese anfrage", "je suis désolé", "désolé", "je regrette", "je ne peux pas",
    "je ne suis pas en mesure", "lo siento", "lamento", "no puedo ayudar", "no puedo proporcionar", "no puedo cumplir",
    "mi dispiace", "non posso aiutar", "non posso fornire", "desculpe", "sinto muito", "não posso ajudar", "não posso fornecer",
    "het spijt me", "sorry, maar ik kan", "ik kan je hier", "ik kan u hier", "przykro mi", "przepraszam, ale", "tyvärr kan jag",
    "üzgünüm", "извините, но я", "к сожалению, я", "я не могу помочь", "я не могу выполнить", "вибачте, але я", "抱歉，", "对不起，",
    "很抱歉，", "申し訳", "すみませんが", "죄송", "عذر", "آسف", "क्षमा करें",
)  # fmt: skip
"""How refusals begin in other languages."""

FOREIGN_DENIALS: Final = (
    "nicht helfen", "nicht unterstützen", "nicht weiterhelfen", "nicht beantworten", "nicht erstellen", "nicht schreiben",
    "nicht bereitstellen", "nicht erfüllen", "nicht nachkommen", "ne peux pas", "ne peux ni", "ne suis pas en mesure",
    "no puedo ayudar", "no puedo proporcionar", "no puedo cumplir", "no puedo asistir", "no puedo responder", "no puedo crear",
    "no puedo escribir", "no puedo generar", "no puedo hacer eso", "non posso aiutar", "non posso fornir", "non posso rispond",
    "non posso soddisf", "non posso scriver", "não posso ajudar", "não posso fornec", "não posso respond", "não posso atender",
    "não posso escrev", "niet helpen", "niet mee helpen", "niet beantwoorden", "nie mogę pomóc", "nie mogę odpowied",
    "nie mogę spełni", "inte hjälpa", "yardımcı olam", "не могу помочь", "не могу выполн", "не могу ответ", "не могу предостав",
    "не можу допомогти", "无法提供", "无法协助", "无法帮助", "无法回答", "无法满足", "无法完成",
    "不能提供", "不能协助", "不能帮助", "不能回答",
    "お手伝いでき", "お答えでき", "提供でき", "お応えでき", "対応でき", "도와드릴 수 없", "도와 드릴 수 없",
    "답변할 수 없", "제공할 수 없", "لا أستطيع", "لا يمكنني", "मदद नहीं", "सहायता नहीं",
)  # fmt: skip
"""What makes such a beginning a refusal."""

FOREIGN_TURNS: Final = (
    "allerdings", "jedoch", "hier ist", "hier sind", "cependant", "toutefois", "voici", "sin embargo", "aquí", "tuttavia",
    "ecco", "no entanto", "aqui está", "echter", "hier is", "jednak", "oto", "однако", "вот", "但是，", "不过", "以下", "ただし", "以下の",
    "다음", "لكن",
)  # fmt: skip

HARMFUL: Final = (
    "bomb", "explosive", "weapon", "firearm", "poison", "kill", "murder", "suicid", "self-harm", "self harm", "hurt", "harm ", "harmful",
    "attack", "hack", "malware", "ransomware", "phish", "keylogger", "computer virus", "ddos", "steal", "stolen", "fraud", "scam",
    "counterfeit", "launder", "drug", "meth ", "methamphetamine", "cocaine", "heroin", "fentanyl", "porn", "nude", "naked", "sex", "erotic",
    "abuse", "rape ", "rapist", "racis", "sexis", "slur", "hate ", "hateful", "insult", "offensive", "terror", "illegal", "bypass",
    "jailbreak", "ignore previous", "ignore all", "ignore your", "exploit", "crack ", "pirated", "stalk", "doxx", "doxing", "home address",
    "password",
    "credit card number", "social security", "smuggl", "forge ", "forged", "fake ", "blackmail", "lynch", "genocide", "nazi",
    "nerve agent", "tortur",
    "gun ", "guns ", "evade", "cheat", "getting caught", "conspiracy", "misinformation", "disinformation", "propaganda", "copyright",
    "spy on",
    "dosage", "overdose", "bombe", "waffe", "töten", "tuer ", "arme ", "arma ", "armas ", "matar", "uccidere", "droga", "drogue", "взлом",
    "бомб", "оруж", "наркот", "убить", "قنبلة",
)  # fmt: skip
"""Beginnings of words at which a refusal may be right: there it is no defect. A space at the end makes it the whole word."""

COMPOSED: Final = (
    "declin", "refus", "apolog", "excuse", "reject", "say no", "turn down", "unable", "can't", "cannot", "sorry", "cancel", "translat",
    "übersetz", "tradu", "vertaal", "перевед", "dialog", "role-play", "roleplay", "role play", "pretend", "complete the sentence",
    "absage", "ablehn",
)  # fmt: skip
"""Prompts that may well want a text which reads like a refusal, by beginnings of words."""

UNSPACED: Final = ("炸弹", "武器", "毒品", "杀", "黑客", "爆弾", "殺", "폭탄", "마약", "翻译", "翻訳", "번역")
"""Both, in scripts that put no spaces between words."""

BOUNDS: Final = (
    "refus",
    "declin",
    "only ",
    "do not answer",
    "don't answer",
    "must not",
    "never ",
    "off-topic",
    "off topic",
    "restrict",
)
"""Words of an operator's instructions by which a refusal may be wanted."""

REPEATS: Final = (
    "repeat", "chant", "lyrics", "song", "mantra", "refrain", "lorem", "over and over", "wiederhol", "répét", "repit", "ripet", "повтор",
    "重复", "繰り返", "반복", "rows of", "dummy", "placeholder", "pattern", "label each", "classify each",
)  # fmt: skip
"""Prompts that may well want the same words again and again."""

OFTEN: Final = (" times", " mal ", " fois", " veces", " volte", " vezes", " раз", "遍", "回", "번")
WRITE: Final = (
    "write",
    "say",
    "print",
    "type",
    "output",
    "schreib",
    "sag",
    "écri",
    "escrib",
    "scriv",
    "escrev",
    "напиши",
    "写",
    "書",
    "써",
)
"""Together they ask for the same: `write it a hundred times`."""
