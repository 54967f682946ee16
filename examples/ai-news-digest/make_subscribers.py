"""Make subscribers.csv: 2,000 people who do not exist, on domains kept for examples (RFC 2606, section 3).

Run it with any Python from 3.11 on; the result is the same bytes every time:

    python make_subscribers.py
"""

from __future__ import annotations

import csv
import random
import re
import unicodedata
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

Key = TypeVar("Key")

SEED = 20260411
COUNT = 2_000
TARGET = Path(__file__).resolve().with_name("subscribers.csv")
FOUNDED, LATEST = date(2023, 1, 9), date(2026, 3, 27)

DOMAINS = {"example.com": 60, "example.org": 25, "example.net": 15}
#: People on the plan `monthly` read the round-up at the end of the month only.
PLANS = {"free": 70, "pro": 25, "monthly": 5}
#: The largest number of people in a company of each class; 0 stands for no answer.
COMPANY_SIZES = {0: 12, 1: 18, 10: 24, 50: 20, 250: 13, 1_000: 7, 10_000: 5, 120_000: 1}
TAGS = {"builders": 0.32, "founders": 0.14, "investors": 0.09, "policy": 0.11, "researchers": 0.13}

#: country: (readers in 1,000, {language: weight}, {names: weight})
COUNTRIES: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {
    "US": (262, {"en": 93, "es": 7}, {"english": 72, "spanish": 12, "indian": 8, "chinese": 4, "korean": 4}),
    "GB": (95, {"en": 1}, {"english": 80, "indian": 10, "polish": 4, "nigerian": 6}),
    "DE": (92, {"de": 70, "en": 30}, {"german": 82, "turkish": 10, "polish": 5, "greek": 3}),
    "IN": (70, {"en": 75, "hi": 25}, {"indian": 65, "devanagari": 35}),
    "CA": (45, {"en": 80, "fr": 20}, {"english": 62, "french": 22, "chinese": 8, "indian": 8}),
    "FR": (38, {"fr": 78, "en": 22}, {"french": 92, "arabic": 8}),
    "CH": (34, {"de": 58, "fr": 22, "it": 8, "en": 12}, {"german": 62, "french": 26, "italian": 12}),
    "NL": (33, {"nl": 60, "en": 40}, {"dutch": 1}),
    "JP": (30, {"ja": 85, "en": 15}, {"japanese": 1}),
    "BR": (28, {"pt": 88, "en": 12}, {"portuguese": 1}),
    "AT": (26, {"de": 85, "en": 15}, {"german": 90, "czech": 10}),
    "ES": (25, {"es": 82, "en": 18}, {"spanish": 1}),
    "AU": (24, {"en": 1}, {"english": 88, "vietnamese": 6, "greek": 6}),
    "PL": (22, {"pl": 70, "en": 30}, {"polish": 1}),
    "KR": (20, {"ko": 88, "en": 12}, {"korean": 1}),
    "SE": (18, {"sv": 50, "en": 50}, {"nordic": 1}),
    "IT": (18, {"it": 82, "en": 18}, {"italian": 1}),
    "IL": (16, {"he": 60, "en": 40}, {"hebrew": 1}),
    "UA": (15, {"uk": 75, "en": 25}, {"ukrainian": 1}),
    "GR": (13, {"el": 75, "en": 25}, {"greek": 1}),
    "TW": (11, {"zh-Hant": 85, "en": 15}, {"chinese": 1}),
    "SG": (10, {"en": 80, "zh-Hans": 20}, {"chinese": 65, "indian": 35}),
    "CZ": (10, {"cs": 75, "en": 25}, {"czech": 1}),
    "TR": (10, {"tr": 85, "en": 15}, {"turkish": 1}),
    "DK": (9, {"da": 50, "en": 50}, {"nordic": 1}),
    "AE": (8, {"ar": 45, "en": 55}, {"arabic": 60, "indian": 40}),
    "EG": (8, {"ar": 85, "en": 15}, {"arabic": 1}),
    "BG": (8, {"bg": 75, "en": 25}, {"bulgarian": 1}),
    "NG": (8, {"en": 1}, {"nigerian": 1}),
    "TH": (8, {"th": 80, "en": 20}, {"thai": 1}),
    "MX": (8, {"es": 90, "en": 10}, {"spanish": 1}),
    "IS": (4, {"is": 60, "en": 40}, {"nordic": 1}),
    "VN": (4, {"vi": 85, "en": 15}, {"vietnamese": 1}),
}

#: names: (first names, last names); what follows `=` is the spelling in an address.
NAMES = {
    "english": (
        "Olivia Jack Grace Henry Zoë Samuel Chloë Thomas Renée Daniel Siân Oliver Emily Walter Niamh Sean",
        "Smith Taylor Brown Walker Wright Hughes Carter Morgan Bennett O’Neill Foster Murray Brontë Ellis",
    ),
    "german": (
        "Jürgen Käthe Lukas Anneliese Björn Sören Jörg Hannah Felix Friederike Götz Matthias Änne Moritz",
        "Müller Schäfer Groß Weiß Königsberger Fischer Böhm Jäger Krüger Lehmann Hofstätter Zürcher Strauß",
    ),
    "french": (
        "François Élodie Hélène Benoît Chloé Jérôme Anaïs Loïc Maëlle Étienne Agnès Mathis Zoé Noël",
        "Lefèvre Dubois Bélanger Moreau Gagné Lemaître Château Rousseau Béranger Côté Fontaine Géroux Picard",
    ),
    "dutch": (
        "Daan Sanne Jeroen Femke Maarten Lotte Thijs Noor Casper Roos Joris Anouk Renée Coen",
        "Bakker Visser Dijkstra Smit Mulder Hoekstra Vermeulen Kuipers Zeeman Brouwer Postma Groen",
    ),
    "polish": (
        "Łukasz Małgorzata Paweł Agnieszka Grażyna Michał Zofia Bartłomiej Jędrzej Żaneta Kinga Stanisław",
        "Kowalczyk Wiśniewska Wójcik Zając Dąbrowski Król Pawłowska Górski Błaszczyk Jabłoński Sikora",
    ),
    "czech": (
        "Jiří Tereza Ondřej Kateřina Tomáš Zdeněk Barbora Vojtěch Alžběta Radek",
        "Dvořák Němcová Černý Procházka Růžička Kučera Veselý Hájek Beneš Šťastný",
    ),
    "spanish": (
        "José María Sofía Andrés Begoña Íñigo Lucía Ramón Inés Martín Ángela Joaquín Belén Rubén",
        "García Muñoz Pérez Ibáñez Núñez Álvarez Castro Peña Gómez Solís Vázquez Ortega Fuentes",
    ),
    "portuguese": (
        "João Conceição Antônio Luísa Thiago Letícia Vinícius Beatriz Estêvão Mônica Caio Júlia",
        "Gonçalves Araújo Conceição Magalhães Simões Assunção Brandão Teixeira Guimarães Lobão",
    ),
    "italian": (
        "Niccolò Giulia Matteo Chiara Lorenzo Beatrice Davide Noemi Tommaso Ilaria",
        "Rossi Bianchi Forlì Ferrari Marchetti Conti Romanò Gallo Ricci D’Angelo",
    ),
    "nordic": (
        "Åsa Søren Þórdís Bjørn Anneli Guðrún Håkon Märta Ægir Linnéa Jón Åke Freyja Østen",
        "Åkesson Sørensen Jónsdóttir Bergström Nygård Lindqvist Ægisson Kjær Holm Sjöberg Østergaard",
    ),
    "turkish": (
        "Ayşe Çağlar Gülşen İpek Oğuz Işıl Barış Şule Ömer Yiğit",
        "Yılmaz Öztürk Şahin Çelik Güneş Koç Doğan Kılıç Aydın Işık",
    ),
    "vietnamese": (
        "Hương Dũng Thảo Quỳnh Đức Phượng Tuấn Mỹ Hiếu Ngọc",
        "Nguyễn Trần Phạm Đặng Bùi Đỗ Hoàng Võ Lý Dương",
    ),
    "nigerian": (
        "Ngọzi Chidi Adébáyọ̀ Fúnmiláyọ̀ Emeka Ṣadé Olúmídé Amara Ifẹ́ Tunde",
        "Okafor Adéyẹmí Ọbi Balogun Eze Ògúnlé Nwosu Afọlábí Danjuma",
    ),
    "indian": (
        "Priya Arjun Ananya Rohan Kavitha Sanjay Meera Vikram Lakshmi Imran Neha Rahul",
        "Sharma Patel Iyer Reddy Nair Gupta Banerjee Singh Kulkarni Desai Khan",
    ),
    "devanagari": (
        "प्रिया=priya अर्जुन=arjun अनन्या=ananya रोहन=rohan मीरा=meera विक्रम=vikram नेहा=neha राहुल=rahul",
        "शर्मा=sharma पटेल=patel गुप्ता=gupta सिंह=singh देशमुख=deshmukh कुलकर्णी=kulkarni जोशी=joshi वर्मा=verma",
    ),
    "ukrainian": (
        "Оксана=oksana Тарас=taras Юлія=yuliia Богдан=bohdan Соломія=solomiia Андрій=andrii Євген=yevhen",
        "Шевчук=shevchuk Коваленко=kovalenko Мельник=melnyk Їжакевич=yizhakevych Бойко=boiko Лисенко=lysenko",
    ),
    "bulgarian": (
        "Иван=ivan Десислава=desislava Георги=georgi Мария=mariya Николай=nikolay Цветелина=tsvetelina",
        "Димитров=dimitrov Петрова=petrova Илиев=iliev Христова=hristova Тодоров=todorov Станчева=stancheva",
    ),
    "greek": (
        "Γιώργος=giorgos Ελένη=eleni Δημήτρης=dimitris Χαρά=chara Νίκος=nikos Φωτεινή=foteini Ζωή=zoi",
        "Παπαδόπουλος=papadopoulos Οικονόμου=oikonomou Νικολάου=nikolaou Ψαρρά=psarra Αγγελίδη=angelidi",
    ),
    "arabic": (
        "فاطمة=fatima يوسف=yousef مريم=mariam أحمد=ahmed ليلى=layla خالد=khaled نور=nour عمر=omar هالة=hala",
        "المصري=elmasry حداد=haddad خوري=khoury النجار=alnajjar منصور=mansour العطار=alattar سالم=salem",
    ),
    "hebrew": (
        "נועה=noa יוסי=yossi תמר=tamar איתן=eitan שירה=shira אורי=uri מיכל=michal דוד=david",
        "כהן=cohen לוי=levi מזרחי=mizrahi פרץ=peretz ברק=barak שקד=shaked אלון=alon",
    ),
    "chinese": (
        "美玲=meiling 伟=wei 小明=xiaoming 思雨=siyu 建国=jianguo 雅婷=yating 子轩=zixuan 志强=zhiqiang",
        "王=wang 李=li 陈=chen 林=lin 黄=huang 欧阳=ouyang 周=zhou 吴=wu",
    ),
    "japanese": (
        "さくら=sakura 健太=kenta 陽子=yoko 翔=sho ひなた=hinata 美咲=misaki 大輔=daisuke ケン=ken",
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 渡辺=watanabe 山本=yamamoto 小林=kobayashi 髙木=takagi",
    ),
    "korean": (
        "민준=minjun 서연=seoyeon 지우=jiwoo 하은=haeun 도윤=doyun 수빈=subin 현우=hyunwoo 예은=yeeun",
        "김=kim 이=lee 박=park 최=choi 정=jung 강=kang 조=cho 남궁=namgung",
    ),
    "thai": (
        "สมชาย=somchai กัญญา=kanya พิมพ์ชนก=pimchanok ธนากร=thanakorn สุดารัตน์=sudarat ณัฐวุฒิ=natthawut",
        "ศรีสุข=srisuk แก้วมณี=kaewmanee ทองดี=thongdee วงศ์สวัสดิ์=wongsawat ใจดี=jaidee",
    ),
}

#: Letters that do not fall apart into an ASCII letter and a mark, and umlauts as German spells them out.
LETTERS = {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "þ": "th", "ð": "d", "đ": "d", "ı": "i"}
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue"}


class Chance:
    """Choices made with `random()` alone: the one method whose sequence Python promises never to change."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - made-up people, not secrets

    def share(self) -> float:
        """A number from 0 up to, but not including, 1."""
        return self._random()

    def happens(self, probability: float) -> bool:
        """True in the given share of cases."""
        return self._random() < probability

    def below(self, limit: int) -> int:
        """A whole number from 0 up to, but not including, the limit."""
        return int(self._random() * limit)

    def one(self, weights: dict[Key, int]) -> Key:
        """One of the keys, each as likely as its weight says."""
        mark = self.below(sum(weights.values()))
        for key, weight in weights.items():
            mark -= weight
            if mark < 0:
                return key
        raise ValueError("weights must not be empty")


def ascii_name(name: str, *, german: bool) -> str:
    """A name as it may stand in an address: lower-case ASCII letters."""
    table = str.maketrans(LETTERS | UMLAUTS if german else LETTERS)
    spelled = unicodedata.normalize("NFC", name.lower()).translate(table)
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", spelled))


def person(chance: Chance, names: str) -> tuple[str, str, str, str]:
    """First and last name, each as written and as it may stand in an address."""
    written: list[str] = []
    spelled: list[str] = []
    for part in NAMES[names]:
        choices = part.split()
        name, _, spelling = choices[chance.below(len(choices))].partition("=")
        written.append(unicodedata.normalize("NFC", name))
        spelled.append(spelling or ascii_name(name, german=names == "german"))
    return written[0], written[1], spelled[0], spelled[1]


def address(chance: Chance, first: str, last: str, taken: set[str]) -> str:
    """An address that nobody else has, in one of the usual forms."""
    forms = {f"{first}.{last}": 62, f"{first[0]}{last}": 14, f"{first}_{last}": 8, f"{last}.{first}": 10}
    local, domain = chance.one(forms), chance.one(DOMAINS)
    for number in count(1):
        email = f"{local}{number if number > 1 else ''}@{domain}"
        if email not in taken:
            taken.add(email)
            return email
    raise AssertionError("count() never ends")


def company_size(chance: Chance) -> str:
    """The number of people in the company, or nothing when the question was left open."""
    classes = list(COMPANY_SIZES)
    largest = chance.one(COMPANY_SIZES)
    if largest <= 1:
        return "1" if largest else ""
    smallest = classes[classes.index(largest) - 1] + 1
    return str(smallest + int((largest - smallest + 1) * chance.share() ** 2))


def joined(chance: Chance) -> date:
    """A day between the first issue and the latest; the list grew faster from year to year."""
    days = (LATEST - FOUNDED).days + 1
    return FOUNDED + timedelta(days=int(days * chance.share() ** 0.6))


def subscriber(chance: Chance, taken: set[str]) -> dict[str, str]:
    """One row of the file."""
    country = chance.one({code: readers for code, (readers, _, _) in COUNTRIES.items()})
    _, languages, origins = COUNTRIES[country]
    first, last, first_ascii, last_ascii = person(chance, chance.one(origins))
    named = chance.one({"fully": 88, "first": 4, "last": 2, "not": 6})
    return {
        "email": address(chance, first_ascii, last_ascii, taken),
        "first_name": first if named in {"fully", "first"} else "",
        "last_name": last if named in {"fully", "last"} else "",
        "language": chance.one(languages),
        "country": country,
        "plan": chance.one(PLANS),
        "company_size": company_size(chance),
        "joined": joined(chance).isoformat(),
        "tags": ";".join(tag for tag, probability in TAGS.items() if chance.happens(probability)),
    }


def subscribers(number: int = COUNT, seed: int = SEED) -> list[dict[str, str]]:
    """All rows, in the order in which the people joined."""
    chance, taken = Chance(seed), set[str]()
    rows = [subscriber(chance, taken) for _ in range(number)]
    return sorted(rows, key=lambda row: (row["joined"], row["email"]))


def main() -> None:
    """Write the file beside this one."""
    rows = subscribers()
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
