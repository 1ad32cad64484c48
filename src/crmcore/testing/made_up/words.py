"""The words that names are made of, and the telephone numbers that ring nowhere."""

from __future__ import annotations

__all__ = ["CITIES", "FAMILY", "GIVEN", "LEGAL_FORMS", "PLAIN", "STEMS", "TRADES", "UK_RANGES", "US_AREAS"]

GIVEN = (
    "Amara", "Björn", "Chloé", "Darius", "Elif", "Fergus", "Giulia", "Hiroshi", "Inés", "Jakub", "Kwame", "Léa",
    "Mateusz", "Noor", "Oluwaseun", "Priya", "Quentin", "Rosa", "Søren", "Tamara", "Umar", "Valéria", "Wei", "Ximena",
    "Yusuf", "Zoë", "Aoife", "Bruno", "Carmen", "Dominik", "Esther", "Françoise", "Gareth", "Hana", "Ivan", "Jürgen",
    "Katarzyna", "Lars", "Małgorzata", "Nikos", "Olga", "Pádraig", "Rukhsana", "Sanjay", "Thandiwe", "Ulrike", "Victor",
    "Winston", "Yael", "Zsófia", "André", "Beatriz", "Callum", "Deepika", "Emeka", "Freya", "Gabriel", "Helen",
    "Ismail", "Joanna",
)  # fmt: skip
FAMILY = (
    "Adeyemi", "Andersson", "Arslan", "Banerjee", "Bianchi", "Brennan", "Castaño", "Chen", "Dąbrowski", "Delacroix",
    "Eriksen", "Farouk", "Fernandes", "Fischer", "García", "Grönberg", "Gupta", "Hargreaves", "Horváth", "Ibrahim",
    "Ivanova", "Jansen", "Johansson", "Kamau", "Kaya", "Keller", "Kowalczyk", "Laurent", "Lefèvre", "Lombardi",
    "MacLeod", "Mbeki", "Mehta", "Moreau", "Müller", "Nakamura", "Ndlovu", "Nguyen", "Novák", "Núñez", "Oduya",
    "O'Sullivan", "Okonkwo", "Öztürk", "Papadakis", "Pereira", "Petrov", "Quigley", "Ramírez", "Rasmussen", "Rossi",
    "Sato", "Schäfer", "Sørensen", "Silva", "Tanaka", "Thompson", "Ueda", "Vasquez", "Virtanen", "Wagner", "Weber",
    "Whitaker", "Wójcik", "Xu", "Zapata", "Zimmermann", "Żukowska",
)  # fmt: skip
STEMS = (
    "Alder", "Ashford", "Barrow", "Bélanger", "Birchwood", "Blackwater", "Bridgepoint", "Calder", "Clearwater",
    "Corrigan", "Dalton", "Eastgate", "Ellison", "Fairfield", "Falkner", "Fenwick", "Glenmore", "Gonçalves", "Granite",
    "Harbour", "Hawthorn", "Ibáñez", "Ironbridge", "Juniper", "Kestrel", "Kingsway", "Lakeshore", "Larkfield", "Łęcki",
    "Linden", "Marlow", "Meridian", "Milltown", "Northgate", "Oakridge", "Østergaard", "Pembroke", "Quarry", "Redwood",
    "Riverside", "Rosendahl", "Silverline", "Stonebridge", "Tamar", "Thornton", "Vestbø", "Westbrook", "Åkerman",
)  # fmt: skip
TRADES = (
    "Analytics", "Catering", "Ceramics", "Chemicals", "Construction", "Dairy", "Diagnostics", "Energy", "Engineering",
    "Foods", "Furniture", "Hotels", "Instruments", "Insurance", "Logistics", "Motors", "Optics", "Packaging", "Paper",
    "Pharma", "Plastics", "Printing", "Publishing", "Robotics", "Shipping", "Software", "Steel", "Telecom", "Textiles",
    "Timber",
)  # fmt: skip
CITIES = (
    ("London", "GB"), ("Leeds", "GB"), ("Edinburgh", "GB"), ("Manchester", "GB"), ("Dublin", "IE"), ("Cork", "IE"),
    ("Berlin", "DE"), ("Köln", "DE"), ("München", "DE"), ("Paris", "FR"), ("Orléans", "FR"), ("Lyon", "FR"),
    ("Málaga", "ES"), ("Bilbao", "ES"), ("Lisboa", "PT"), ("Porto", "PT"), ("Malmö", "SE"), ("Göteborg", "SE"),
    ("Århus", "DK"), ("Łódź", "PL"), ("Kraków", "PL"), ("Utrecht", "NL"), ("Milano", "IT"), ("Boston", "US"),
    ("Chicago", "US"), ("Seattle", "US"),
)  # fmt: skip
LEGAL_FORMS = {
    "DE": "GmbH",
    "DK": "A/S",
    "ES": "S.L.",
    "FR": "SARL",
    "GB": "Ltd",
    "IE": "Ltd",
    "IT": "S.r.l.",
    "NL": "B.V.",
    "PL": "Sp. z o.o.",
    "PT": "Lda.",
    "SE": "AB",
    "US": "Inc.",
}
PLAIN = str.maketrans(
    {
        **dict.fromkeys("áäåą", "a"),
        **dict.fromkeys("éèëę", "e"),
        **dict.fromkeys("í", "i"),
        **dict.fromkeys("óöø", "o"),
        **dict.fromkeys("úü", "u"),
        "ç": "c",
        "ł": "l",
        "ñ": "n",
        "ż": "z",
        "'": "",
        " ": "-",
        "&": "and",
    }
)
"""Small letters as web and e-mail addresses spell them."""

UK_RANGES = (
    "20 7946 0", "113 496 0", "114 496 0", "121 496 0", "131 496 0", "161 496 0", "191 498 0", "808 157 0", "909 879 0",
    "3069 990", "7700 900",
)  # fmt: skip
"""British numbers that are kept for film and stage, three digits short."""

US_AREAS = (
    "202", "203", "404", "305", "206", "207", "208", "209", "410", "212", "213", "214", "415", "216", "617", "718",
    "919", "720", "321", "323", "425", "330", "231", "334", "435", "336", "339", "240", "541", "443", "347", "248",
    "650", "251", "252", "253", "254", "256", "757", "260", "562", "865", "267", "269", "570", "971", "973", "775",
)  # fmt: skip
"""American areas, no two alike in their last two digits; in each, 555-0100 to 555-0199 are kept for fiction."""
