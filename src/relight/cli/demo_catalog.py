"""What the invented shop of the demonstration has: releases, incidents, products, names, zones.

Tables only. Knows nothing of chance, of time's passing, or of files. Every person and company here is made up.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One feature that became available to everybody."""

    #: Calendar day, ISO 8601; it goes out at 08:30 UTC.
    day: str
    #: Tag that requests, uses and the release share.
    feature: str
    #: Headline in English and in Turkish.
    title: tuple[str, str]
    #: One sentence in English and in Turkish.
    summary: tuple[str, str]
    #: What somebody who wanted it wrote to us, in English and in Turkish.
    wish: tuple[str, str]


def _release(day: str, feature: str, *texts: str) -> Release:
    title, title_tr, summary, summary_tr, wish, wish_tr = texts
    return Release(
        day=day, feature=feature, title=(title, title_tr), summary=(summary, summary_tr), wish=(wish, wish_tr)
    )


#: Two quiet stretches (mid December to February, July and August) are meant: not every month has news.
RELEASES: tuple[Release, ...] = (
    _release(
        "2025-11-12", "repeating_cards", "Repeating cards", "Yinelenen kartlar",
        "A card can come back every Monday, every month or on the last working day, with its checklist emptied.",
        "Bir kart her pazartesi, her ay ya da ayın son iş günü, listesi boşalmış olarak geri gelir.",
        "We copy the same card every Monday. Could it come back by itself?",
        "Her pazartesi aynı kartı kopyalıyoruz. Kendiliğinden gelse olmaz mı?",
    ),
    _release(
        "2025-11-27", "csv_export", "Export to CSV", "CSV olarak dışa aktarma",
        "Any view, with the filters you see, as a file that a spreadsheet opens.",
        "Gördüğünüz süzgeçlerle her görünüm, tablonuzun açtığı bir dosya olarak iner.",
        "Our accountant only takes spreadsheets. Please let me export a filtered board.",
        "Muhasebecimiz yalnızca tablo kabul ediyor. Süzdüğüm panoyu dışa aktarabilsem.",
    ),
    _release(
        "2025-12-09", "card_aging", "Cards that show their age", "Yaşını gösteren kartlar",
        "Cards nobody has touched for a while fade a little, so that stuck work is seen.",
        "Bir süre dokunulmayan kartlar hafifçe solar; takılan iş göze çarpar.",
        "Old cards hide among new ones. Can you make the forgotten ones stand out?",
        "Eski kartlar yenilerin arasında kayboluyor. Unutulanlar belli olsa.",
    ),
    _release(
        "2026-02-10", "dark_theme", "Dark theme", "Koyu tema",
        "Follows your system or your own choice, on every board and in every report.",
        "Sisteminize ya da seçiminize uyar; her panoda, her raporda.",
        "I plan at night. A dark theme would spare my eyes.",
        "Planlarımı gece yapıyorum. Koyu tema gözlerimi kurtarır.",
    ),
    _release(
        "2026-02-24", "calendar_feed", "Calendar feed", "Takvim bağlantısı",
        "Due dates of a board appear in the calendar you already use, and move when the card does.",
        "Panodaki tarihler kullandığınız takvimde görünür, kart taşınınca onlar da taşınır.",
        "Could due dates show up in my calendar? I never open two things.",
        "Tarihler takvimimde görünse? İki yere birden bakamıyorum.",
    ),
    _release(
        "2026-03-10", "card_templates", "Card templates", "Kart şablonları",
        "Start a card from a template with its checklist, labels and owner already in place.",
        "Kartı; listesi, etiketleri, sorumlusu hazır bir şablondan başlatın.",
        "Every new client needs the same twelve steps. A template for cards, please.",
        "Her yeni müşteride aynı on iki adım var. Kartlar için şablon istiyoruz.",
    ),
    _release(
        "2026-03-26", "time_zones", "Dates in everyone’s own zone", "Herkese kendi saatinde tarih",
        "A deadline set at 17:00 in Izmir reads 10:00 in New York, and says so.",
        "İzmir’de 17.00’ye konan tarih New York’ta 10.00 görünür ve bunu belirtir.",
        "Half the team sits in another time zone and deadlines are off by a day.",
        "Ekibin yarısı başka saat diliminde, tarihler bir gün kayıyor.",
    ),
    _release(
        "2026-04-08", "bulk_edit", "Change many cards at once", "Birden çok kartı birlikte düzenleme",
        "Select with Shift, then set owner, date or label for all of them.",
        "Shift ile seçin; sorumluyu, tarihi, etiketi hepsine birden verin.",
        "Moving forty cards one by one after each sprint is no fun.",
        "Her dönem sonunda kırk kartı tek tek taşımak hiç keyifli değil.",
    ),
    _release(
        "2026-04-21", "guest_links", "Links for guests", "Konuk bağlantıları",
        "Show one board to somebody without an account, until a date you set.",
        "Bir panoyu hesabı olmayan birine, sizin belirlediğiniz tarihe kadar gösterin.",
        "Our client wants to look without signing up. Is there a way?",
        "Müşterimiz üye olmadan bakmak istiyor. Bir yolu var mı?",
    ),
    _release(
        "2026-05-06", "report_schedule", "Reports on a schedule", "Zamanlanmış raporlar",
        "Choose a weekday and an hour; the report is written and delivered without you.",
        "Günü ve saati seçin; rapor sizsiz hazırlanıp gönderilir.",
        "I make the same report each Friday at five. Could it make itself?",
        "Her cuma beşte aynı raporu hazırlıyorum. Kendi kendine hazırlansa.",
    ),
    _release(
        "2026-05-20", "mobile_offline", "Work offline on the phone", "Telefonda çevrimdışı çalışma",
        "Boards open without a connection and catch up when it returns.",
        "Panolar bağlantı olmadan açılır, bağlantı gelince eşitlenir.",
        "There is no reception on site. The phone app should work without it.",
        "Şantiyede çekmiyor. Telefon uygulaması bağlantısız da çalışmalı.",
    ),
    _release(
        "2026-06-03", "dependencies", "Cards that wait for others", "Başkasını bekleyen kartlar",
        "Say what a card waits for; it is marked until the other one is done.",
        "Bir kartın neyi beklediğini söyleyin; öteki bitene dek işaretli kalır.",
        "We need to see what blocks what.",
        "Neyin neyi beklettiğini görebilmemiz gerek.",
    ),
    _release(
        "2026-06-18", "form_intake", "Forms that fill a board", "Panoyu dolduran formlar",
        "Requests from outside arrive as cards, with the answers in the right fields.",
        "Dışarıdan gelen talepler, yanıtlar yerli yerinde, kart olarak düşer.",
        "People send us requests by mail and I retype them. A form would help.",
        "Talepler postayla geliyor, ben yeniden yazıyorum. Bir form yeterdi.",
    ),
    _release(
        "2026-07-02", "webhooks", "Webhooks for boards", "Panolar için web kancaları",
        "Your own systems hear of a moved card within a second, signed.",
        "Taşınan karttan kendi sistemleriniz bir saniyede, imzalı olarak haberdar olur.",
        "Polling the API every minute feels silly. Webhooks?",
        "API’ye dakikada bir sormak anlamsız. Web kancası var mı?",
    ),
    _release(
        "2026-08-27", "workload_view", "Workload view", "İş yükü görünümü",
        "Who has how much this week, before it is too late to say no.",
        "Bu hafta kimde ne kadar iş var; hayır demek için geç olmadan.",
        "I only notice that somebody is overloaded when they are ill.",
        "Birinin üzerine fazla iş yığıldığını ancak hastalanınca fark ediyorum.",
    ),
    _release(
        "2026-09-10", "card_history", "History of a card", "Kart geçmişi",
        "Every change of a card in order, with the way back for each.",
        "Karttaki her değişiklik sırasıyla, her biri geri alınabilir.",
        "Someone emptied a description and nobody knows who. Can we see history?",
        "Biri açıklamayı silmiş, kim olduğu belli değil. Geçmişi görebilir miyiz?",
    ),
    _release(
        "2026-09-29", "voice_notes", "Voice notes on cards", "Kartlara sesli not",
        "Speak a minute into a card; it is written out below the recording.",
        "Karta bir dakika konuşun; yazısı kaydın altında belirir.",
        "With gloves on I cannot type. Let me talk to a card.",
        "Eldivenle yazamıyorum. Karta konuşabilsem.",
    ),
    _release(
        "2026-10-14", "board_roles", "Roles for each board", "Pano başına roller",
        "Decide board by board who may look, comment, edit or close.",
        "Kimin bakacağına, yorum yazacağına, düzenleyeceğine, kapatacağına pano pano karar verin.",
        "Interns should not be able to close boards.",
        "Stajyerler pano kapatamasın.",
    ),
)  # fmt: skip

#: Wishes nobody has built: (feature, English, Turkish).
UNBUILT: tuple[tuple[str, str, str], ...] = (
    ("gantt", "Please, a Gantt chart with critical path.", "Kritik yolu gösteren bir Gantt çizelgesi lütfen."),
    ("invoices", "Could a finished board write the invoice?", "Biten pano faturayı da yazsa?"),
    ("sso", "We can only buy with single sign-on.", "Tek oturum açma olmadan satın alamıyoruz."),
)

#: Features of the first day, used whatever was released.
FEATURES: tuple[str, ...] = ("boards", "labels", "forms", "goals", "timeline", "automations", "api")

#: (start in UTC, region, title in English, title in Turkish, minutes from start to notice).
INCIDENTS: tuple[tuple[str, str, str, str, int], ...] = (
    ("2025-12-03T09:12:00", "eu", "Writes to the API time out", "API’ye yazma istekleri zaman aşımına uğruyor", 14),
    ("2026-03-17T13:40:00", "tr", "API answers with errors for some keys", "API bazı anahtarlara hata dönüyor", 9),
    ("2026-06-23T22:05:00", "us", "Slow API answers", "API yanıtları yavaş", 21),
    ("2026-10-06T06:31:00", "tr", "Webhooks arrive up to an hour late", "Web kancaları bir saate kadar gecikiyor", 17),
)

#: (product, price in TRY, uses it up and reorders).
PRODUCTS: tuple[tuple[str, int, bool], ...] = (
    ("Automation pack, 1,000 runs", 490, True),
    ("Automation pack, 5,000 runs", 1990, True),
    ("Card refill, 500 cards", 640, True),
    ("Template collection: agencies", 690, False),
    ("Workshop seat", 1450, False),
    ("Wall kit", 1190, False),
)

#: Product -> (what some of its buyers buy beside it, price in TRY).
COMPANIONS: dict[str, tuple[str, int]] = {
    "Automation pack, 1,000 runs": ("Recipe book: automations", 290),
    "Automation pack, 5,000 runs": ("Recipe book: automations", 290),
    "Card refill, 500 cards": ("Card box, oak", 520),
    "Template collection: agencies": ("Workshop seat", 1450),
    "Workshop seat": ("Facilitator’s handbook", 380),
    "Wall kit": ("Magnets, set of 40", 190),
}

#: What takes the place of a product: (instant in UTC, product, the one before, days that one serves, a sentence each).
LAUNCHES: tuple[tuple[str, str, str, int, str, str], ...] = (
    (
        "2026-07-07T08:00:00", "Wall kit, second edition", "Wall kit", 150,
        "Hangs without a drill, and its cards stay where they are put.",
        "Matkapsız asılır, kartları konduğu yerde durur.",
    ),
)  # fmt: skip

#: What wears out of a product: product -> (spare part, price in TRY).
PARTS: dict[str, tuple[str, int]] = {"Wall kit": ("Wall kit strips", 140)}

#: (told in UTC, begins in UTC, webinar, sector or "", role or "", English, Turkish, one sentence each).
WEBINARS: tuple[tuple[str, str, str, str, str, str, str, str, str], ...] = (
    (
        "2026-03-03T08:30:00", "2026-03-12T12:00:00", "site-boards", "construction", "",
        "Boards for building sites", "Şantiye panoları",
        "Snag lists, deliveries and weather days on one board, shown on a real site.",
        "Eksik listesi, teslimatlar ve hava günleri tek panoda, gerçek bir şantiyede.",
    ),
    (
        "2026-05-12T08:30:00", "2026-05-21T12:00:00", "client-boards", "agency", "",
        "Boards that clients may see", "Müşterinin görebileceği panolar",
        "What to share, what to keep, and how a client approves a card.",
        "Neyi paylaşmalı, neyi saklamalı, müşteri bir kartı nasıl onaylar.",
    ),
    (
        "2026-09-15T08:30:00", "2026-09-24T12:00:00", "api-in-an-hour", "", "developer",
        "The API in an hour", "Bir saatte API",
        "From a key to a board that fills itself, with the code to take home.",
        "Anahtardan kendi kendine dolan panoya; kodu yanınızda götürün.",
    ),
)  # fmt: skip

#: Releases that were announced before, so many days.
ANNOUNCED: dict[str, int] = {
    "dark_theme": 62, "card_templates": 36, "bulk_edit": 40, "report_schedule": 34, "mobile_offline": 45,
    "form_intake": 38, "webhooks": 40, "workload_view": 55, "voice_notes": 41, "board_roles": 45,
}  # fmt: skip
#: Announced, and not there when the year ends: (day, feature, English, Turkish, one sentence each, expected day).
PROMISED: tuple[tuple[str, str, str, str, str, str, str], ...] = (
    (
        "2026-09-15", "gantt", "Gantt chart", "Gantt çizelgesi",
        "A board as bars on a line of time, with what waits for what.",
        "Pano zaman çizgisinde çubuklar olarak, neyin neyi beklediğiyle.", "2026-12-01",
    ),
)  # fmt: skip

#: (zone, region, locales by share, share of customers).
PLACES: tuple[tuple[str, str, tuple[str, ...], float], ...] = (
    ("Europe/Istanbul", "tr", ("tr-TR", "tr-TR", "tr-TR", "tr", "tr-TR", "en-GB"), 0.46),
    ("Europe/Berlin", "eu", ("de-DE", "en-GB"), 0.15),
    ("Europe/London", "eu", ("en-GB",), 0.09),
    ("America/New_York", "us", ("en-US",), 0.16),
    ("America/Sao_Paulo", "us", ("pt-BR", "en-US"), 0.04),
    ("Asia/Kolkata", "eu", ("en-IN",), 0.04),
    ("Asia/Tokyo", "eu", ("ja-JP",), 0.03),
    ("Australia/Sydney", "us", ("en-AU",), 0.03),
)

NAMES_TR: tuple[str, ...] = (
    "Ayşe", "Mehmet", "Zeynep", "Ümit", "İpek", "Çağla", "Oğuz", "Şule", "Deniz", "Ece", "Burak", "Gökçe", "Işıl",
    "İlker", "Nazlı", "Onur", "Özge", "Rüya", "Sinan", "Tuğba", "Umut", "Yağmur", "Yiğit", "Berk", "Ceren", "Defne",
    "Emre", "Figen", "Gül", "Hakan", "Kemal", "Hilal",
)  # fmt: skip
NAMES: tuple[str, ...] = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Ida", "Jonas", "Kate", "Leo", "Mia", "Noah",
    "Olivia", "Paul", "Rosa", "Sam", "Tara", "Victor", "Wendy", "Zoë", "José", "Łukasz", "Søren", "Chloé", "Renée",
    "Björn", "Priya", "Arjun", "Yuki", "Haruto", "Inês", "João", "Niamh", "Siân",
)  # fmt: skip
#: Each occurs in real sign-up forms: apostrophes, other scripts, markup, templates, shouting, an address, a number.
NAMES_HARD: tuple[str, ...] = (
    "O'Brien", "D’Angelo", "İpek", '"İpek"', "Jean-Luc", "Nguyễn Thị Minh", "علي", "李小龍", "<b>Max</b>", "{{7*7}}",
    "ALI", "info@somewhere.example", "12345", "=?utf-8?q?x?=", "Anne & Tom", "  Ada ", "Ὀδυσσεύς",
    "Maximiliane Theodora Friederike Karoline von und zu Hohenfels-Wolkenstein",
)  # fmt: skip
#: Company -> what it does.
COMPANIES: dict[str, str] = {
    "Harbour Press": "media", "Poyraz Mimarlık": "construction", "Quince & Co": "agency", "Lodos Ajans": "agency",
    "Nordlicht Bau": "construction", "Yakamoz Yazılım": "software", "Pebble Labs": "software",
    "İmbat Lojistik": "logistics", "Old Mill Studio": "agency", "Keçi Kafe": "hospitality", "Fjord Audio": "media",
    "Çınar Atölye": "construction",
}  # fmt: skip
#: Of those who call no API; they are developers.
ROLES: tuple[str, ...] = ("owner", "lead", "member")
MAIL_DOMAINS: tuple[str, ...] = ("harbour.example", "poyraz.example", "quince.example", "lodos.example", "mill.example")
SUBJECTS: tuple[str, ...] = (
    "Cannot move a card", "Invoice address", "Import stops halfway", "Who can see my board?", "Slow since this morning",
    "Kart taşınmıyor", "Fatura bilgisi", "İçe aktarma yarıda kalıyor",
)  # fmt: skip
