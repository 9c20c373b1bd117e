"""Words that say what a prompt is about and what kind of answer it wants. Data only; no weight and no model may enter.

Words are lower case; a word stands under one subject, the most telling one. Words of English, German, French, Spanish,
Italian, Portuguese and Russian are matched whole; scripts without spaces are searched for the short `MARKS`.
"""

from typing import Final

SUBJECTS: Final = (
    "code",
    "maths",
    "reasoning",
    "creative",
    "translation",
    "extraction",
    "summary",
    "question",
    "smalltalk",
    "constraint",
    "terse",
    "long",
    "advanced",
    "simple",
)
"""What is counted, in the order of `Features.counts`."""

_WORDS: Final[dict[str, str]] = {
    "code": (
        "code coding python javascript typescript java rust golang kotlin swift php ruby sql html css bash shell regex json "
        "yaml api apis endpoint endpoints http script scripts function functions method methods def return import async "
        "await const null int struct enum lambda unittest pytest docker dockerfile kubernetes git linux postgres postgresql "
        "sqlite redis mysql query queries database compiler compile compiles bug bugs debug exception traceback stack "
        "segfault refactor algorithm algorithms array arrays integer integers string strings variable variables loop pointer "
        "recursion recursive dataframe pandas numpy react django flask fastapi node npm pip cargo commit middleware parser "
        "parse iterator decorator mutex thread threads goroutine programm programmiere funktion skript fonction fichier "
        "función código codigo funcion funzione функция функцию код программу программа"
    ),
    "maths": (
        "equation equations integral integrals derivative derivatives polynomial matrix matrices eigenvalue eigenvalues "
        "theorem lemma algebra geometry triangle circle radius probability probabilities modulo prime primes factorial "
        "fraction percent percentage sum product logarithm sqrt frac cdot sin cos tan solve calculate compute arithmetic "
        "divisible divisor remainder permutation permutations combinations variance median sequence converge converges "
        "vector vectors angle hypotenuse coefficient quadratic gleichung berechne berechnen wahrscheinlichkeit équation "
        "calculer calculez probabilité ecuación calcula calcular probabilidad equazione calcola probabilità уравнение "
        "вычисли вычислите вероятность докажите реши решите"
    ),
    "reasoning": (
        "why prove proof derive deduce infer infers reason reasoning logic logical puzzle riddle paradox strategy strategies "
        "plan planning schedule prioritise prioritize tradeoff tradeoffs evaluate assess justify argue argument arguments "
        "analyse analyze analysis compare contrast weigh implications consequences hypothesis diagnose decide decision "
        "recommend recommendation constraints feasible optimal optimise optimize warum beweise begründe vergleiche "
        "analysiere plane pourquoi comparez analysez démontrer demostrar compara analiza porque perché confronta analizza "
        "почему сравни сравните проанализируй докажи"
    ),
    "creative": (
        "story stories poem poems poetry haiku sonnet limerick lyrics song novel fiction character characters dialogue "
        "screenplay scene slogan slogans tagline toast metaphor narrator plot imagine invent rhyme rhyming brainstorm "
        "satirical whimsical geschichte gedicht histoire poème cuento poema storia poesia história рассказ стихотворение "
        "сказку сказка"
    ),
    "translation": (
        "translate translates translated translation translating übersetze übersetzen übersetzung traduis traduire traduisez "
        "traduction traduce traducir traducción tradurre traduci traduzione traduza traduzir tradução переведи переведите "
        "перевод translator localise localize"
    ),
    "extraction": (
        "extract extracts extracting extraction classify classification categorise categorize label labels identify fields "
        "field csv tsv parse column columns invoice receipt entities entity tag sentiment normalise normalize detect "
        "deduplicate extrahiere extraire extrais extraer extrae estrai extraia извлеки извлеките"
    ),
    "summary": (
        "summarise summarize summary summaries summarising summarizing tldr condense digest recap gist overview takeaways "
        "minutes abstract shorten zusammenfassung fasse zusammen résumé résume résumer resume resumen resumir riassumi "
        "riassunto resumo кратко резюмируй итоги"
    ),
    "question": (
        "what which who whom whose when where how is are does did can could should was und wer wann wo welche welcher "
        "welches wie que quel quelle quels quelles où quand comment qui qué cuál cuándo dónde cómo quién che quale quando "
        "dove come chi qual onde quem что кто где когда как какой какая какие"
    ),
    "smalltalk": (
        "hi hello hey thanks thank bye goodbye morning evening please sorry congratulations welcome hallo danke tschüss "
        "bonjour merci salut hola gracias ciao grazie olá obrigado obrigada привет спасибо"
    ),
    "constraint": (
        "must exactly only without least most never always avoid include exclude ensure unless except each every between "
        "maximum minimum limit preserve respecting satisfying requirements requirement cannot mustn't nur genau ohne "
        "mindestens höchstens doit exactement sans uniquement debe exactamente solo sin deve esattamente senza ровно только "
        "без"
    ),
    "terse": (
        "sentence briefly brief short concise one-line word quick shortly tersely yes kurz satz bref brièvement phrase breve "
        "brevemente frase коротко предложении"
    ),
    "long": (
        "detailed detail details comprehensive thorough thoroughly essay article report guide tutorial in-depth exhaustive "
        "chapter complete full step-by-step elaborate ausführlich aufsatz détaillé détaillée rédaction detallado ensayo "
        "dettagliato saggio detalhado подробно подробный эссе"
    ),
    "advanced": (
        "theorem lemma prove proof rigorous rigorously asymptotic convergence topology manifold stochastic bayesian "
        "eigenvalue distributed concurrency concurrent deadlock linearizable consensus lock-free idempotent throughput "
        "invariant complexity np-hard backpropagation transformer cryptographic quantum thermodynamic pharmacokinetics "
        "jurisprudence liability indemnity regression heteroscedasticity counterexample induction contrapositive bijection "
        "homomorphism differential nonlinear optimisation optimization architecture migration scalability trade-offs race "
        "latency sharding replication"
    ),
    "simple": (
        "define definition capital spell synonym antonym meaning name list convert colour color opposite plural rewrite "
        "rephrase correct typo typos grammar greeting capitale hauptstadt heißt bedeutet significa signifie перечисли "
        "столица"
    ),
}

_TELLING: Final = ("advanced", "maths", "extraction", "translation", "summary", "creative", "code", "simple", "long", "terse")
"""Who keeps a word that stands in several lists: the first of these; the others follow in the order of SUBJECTS."""


def _by_word() -> dict[bytes, int]:
    order = [*_TELLING, *(subject for subject in SUBJECTS if subject not in _TELLING)]
    found: dict[bytes, int] = {}
    for subject in order:
        for word in _WORDS[subject].split():
            found.setdefault(word.encode(), SUBJECTS.index(subject))
    return found


WORDS: Final = _by_word()
"""Word in UTF-8 -> index of its subject."""

MARKS: Final[tuple[tuple[str, int], ...]] = tuple(
    (mark, SUBJECTS.index(subject))
    for subject, marks in (
        ("code", "代码 函数 程序 算法 コード 関数 プログラム 코드 함수"),
        ("maths", "方程 积分 概率 计算 証明 計算 確率 方程式 계산 확률 ∫ ∑ √ ≤ ≥ π ∞ ∈ ∂"),
        ("reasoning", "为什么 证明 分析 比较 推理 计划 なぜ 分析 比較 計画 왜 분석 비교"),
        ("creative", "故事 诗 小说 物語 詩 俳句 이야기 시를"),
        ("translation", "翻译 译成 翻訳 訳して 번역"),
        ("extraction", "提取 抽取 分类 抽出 分類 추출"),
        ("summary", "总结 概括 摘要 要約 まとめ 요약"),
        ("question", "什么 哪 谁 怎么 吗 何 どこ 誰 いつ ですか 무엇 어디 누구"),
        ("terse", "一句话 简短 简要 一言 簡潔 간단히"),
        ("long", "详细 详尽 詳しく 자세히"),
    )
    for mark in marks.split()
)
"""Substring -> index of its subject, for prompts that are not ASCII."""
