"""Words of refusals and of harmful topics, lower case, as data. Openings alone count: a refusal says so at once."""

from typing import Final

REFUSALS: Final = (
    "i'm sorry, but i can't", "i'm sorry, but i cannot", "i'm sorry, i can't", "i'm sorry, i cannot", "i am sorry, but i can",
    "sorry, but i can't", "sorry, i can't", "sorry, i cannot", "i can't help with", "i cannot help with", "i can't assist",
    "i cannot assist", "i'm unable to", "i am unable to", "i'm not able to", "i am not able to", "i can't provide", "i cannot provide",
    "i can't fulfill", "i cannot fulfill", "i can't comply", "i cannot comply", "i won't be able to", "i must decline", "i have to decline",
    "as an ai language model, i cannot", "as an ai language model, i can't", "as an ai, i cannot", "as an ai, i can't",
    "i apologize, but i can", "i apologize, but i'm", "unfortunately, i can't", "unfortunately, i cannot",
    "unfortunately, i am unable", "unfortunately, i'm unable",
    "es tut mir leid, aber ich kann", "tut mir leid, aber ich kann", "ich kann dabei nicht helfen", "ich kann ihnen dabei nicht",
    "je suis désolé, mais je ne peux", "désolé, mais je ne peux", "je ne peux pas vous aider", "je ne peux pas répondre",
    "lo siento, pero no puedo", "lo siento, no puedo", "no puedo ayudar", "no puedo proporcionar",
    "mi dispiace, ma non posso", "non posso aiutar", "desculpe, mas não posso", "não posso ajudar",
    "извините, но я не могу", "к сожалению, я не могу", "抱歉，我无法", "对不起，我无法", "对不起，我不能", "很抱歉，我无法",
    "申し訳ありませんが", "申し訳ございませんが", "죄송하지만",
)  # fmt: skip
"""How refusals begin."""

NOT_A_REFUSAL: Final = (
    "i cannot stress",
    "i can't stress",
    "i cannot recommend enough",
    "i can't recommend enough",
    "i can't wait",
)
"""Openings that look like one and are none."""

HARMFUL: Final = (
    "bomb", "explosive", "weapon", "poison", "kill", "murder", "suicide", "self-harm", "hack into", "malware", "ransomware", "phishing",
    "steal", "stolen", "fraud", "counterfeit", "launder", "drug", "meth", "cocaine", "heroin", "porn", "nude", "sexual", "child abuse",
    "racist", "slur", "hate speech", "terror", "illegal", "bypass", "jailbreak", "exploit", "stalk", "dox", "password of", "credit card",
    "smuggl", "forge", "blackmail", "lynch", "genocide", "bioweapon", "nerve agent",
)  # fmt: skip
"""Topics at which a refusal may be right: there it is no defect."""
