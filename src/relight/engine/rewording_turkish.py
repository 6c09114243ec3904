"""Sentences of `check`, of dead letters and of templates in Turkish, beside the English ones that they are found by.

No ending is put behind a place: which one it takes depends on what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relight.engine.rewording_tests_turkish import TURKISH_TESTS

_Pairs = tuple[tuple[str, str], ...]

# ---------------------------------------------------------------- what stands at a place
_PLACES: Final[Mapping[str, _Pairs]] = {
    "value": (
        ("an object", "bir nesne"),
        ("null", "boş (null)"),
        ("a list of {count}", "{count} öğeli bir liste"),
        ("a number of {count} bits", "{count} bitlik bir sayı"),
    ),
    "expected": (
        ("text", "metin"),
        ("text without half characters", "yarım karakter içermeyen metin"),
        ("a number", "bir sayı"),
        ("a number of at most {most} digits", "en çok {most} basamaklı bir sayı"),
        ("a whole number", "bir tam sayı"),
        ("a whole number of at most {most} bits", "en çok {most} bitlik bir tam sayı"),
        ("true or false", "true ya da false"),
        ("a date such as {example}", "{example} gibi bir tarih"),
        ("an elapsed duration such as {example}", "{example} gibi geçen bir süre"),
        ("an email address", "bir e-posta adresi"),
        ("a web address that begins with http:// or https://", "http:// ya da https:// ile başlayan bir web adresi"),
        ("a time zone such as {example}", "{example} gibi bir saat dilimi"),
        ("a locale such as {one} or {other}", "{one} ya da {other} gibi bir dil kodu"),
        ("a list", "bir liste"),
        ("a list of at most {most} entries", "en çok {most} öğeli bir liste"),
        ("a list of texts or numbers, without {value}", "metin ya da sayı listesi; şu olmadan: {value}"),
        ("one of {choices}", "şunlardan biri: {choices}"),
    ),
    "json": (
        ("a number is too large", "bir sayı çok büyük"),
        ("invalid number", "geçersiz sayı"),
        ("invalid character", "geçersiz karakter"),
        ("invalid escaped character", "geçersiz kaçış karakteri"),
        ("invalid escape character in string", "metinde geçersiz kaçış karakteri"),
        ("invalid character in unicode escape", "unicode kaçışında geçersiz karakter"),
        ("invalid utf-16 surrogate pair", "geçersiz UTF-16 çifti"),
        ("unexpected end of escaped utf-16 surrogate pair", "UTF-16 çifti yarım"),
        ("unexpected end of hex escape", "onaltılık kaçış yarım"),
        ("trailing characters", "sonda fazladan karakter"),
        ("trailing comma in array", "listenin sonunda fazladan virgül"),
        ("trailing comma in object", "nesnenin sonunda fazladan virgül"),
        ("object keys must be strings", "nesne anahtarları metin olmalı"),
        ("expected {sign}", "beklenen {sign}"),
    ),
    "iso": (
        (
            "expected ISO 8601 such as {example}, or a unix time",
            "beklenen {example} gibi ISO 8601 ya da unix zamanı",
        ),
    ),
    "why": (
        ("; the list is empty", "; liste boş"),
        ("; it is always known", "; her zaman bilinir"),
        ("; '{what}' is {least} to {most}", "; '{what}' {least} ile {most} arasında"),
        ("; '{what}' is never below {least}", "; '{what}' hiçbir zaman {least} altına inmez"),
    ),
    "noun": (("money", "bir para tutarı"), ("a time", "bir an"), ("a date", "bir tarih")),
    "instead": (
        ("it is made from the HTML then", "o zaman HTML'den yapılır"),
        ("mail apps show body text instead", "e-posta uygulamaları onun yerine gövdenin başını gösterir"),
    ),
    "known": (
        ("a customer whom others were merged into", "başkalarının birleştirildiği bir müşteri"),
        ("a known customer, with an address of its own", "kendi adresi olan, bilinen bir müşteri"),
    ),
    "printed": (
        ("true or false", "true ya da false"),
        ("nothing", "hiçbir şey"),
        ("a {kind}", "{kind} türünden bir değer"),
    ),
    "header": (("subject", "konu"), ("preheader", "ön başlık")),
}

# ---------------------------------------------------------------- what `check` warns of
_PROBLEMS: Final[Mapping[str, _Pairs]] = {
    "no-cap": ((
        "nothing caps marketing, so a customer can get any number of mails a day",
        "pazarlama iletilerini sınırlayan bir şey yok; bir müşteri bir günde sınırsız sayıda ileti alabilir",
    ),),
    "idle-accounts": ((
        "nothing asks for the account that somebody belongs to, so 'key' changes nothing",
        "kimin hangi hesaba ait olduğunu soran bir şey yok; 'key' bir şey değiştirmiyor",
    ),),
    "silent-guard": ((
        "nobody is told when the volume guard stops all sending",
        "hacim koruması tüm gönderimi durdurunca kimseye haber verilmiyor",
    ),),
    "first-stop-only": ((
        "this rule tells of the guard's first stop and of no later one",
        "bu kural korumanın yalnız ilk duruşunu bildirir, sonrakileri bildirmez",
    ),),
    "opted-in": (("who said nothing is taken to want '{topic}'", "bir şey söylemeyen '{topic}' istiyor sayılır"),),
    "idle-cap": ((
        "'{short}' never decides, because '{long}' is reached first",
        "'{short}' hiç belirleyici olmaz; önce '{long}' dolar",
    ),),
    "relaxed-durability": ((
        "with relaxed durability a power failure may lose the last seconds",
        "gevşek kalıcılıkta bir elektrik kesintisi son saniyeleri yitirebilir",
    ),),
    "no-address": ((
        "no stream declares the trait 'email', so nobody has an address",
        "hiçbir akış 'email' özelliğini tanımlamıyor; kimsenin adresi yok",
    ),),
    "always-holds": (
        ("'{one}' or '{other}' always holds", "'{one}' ya da '{other}' her zaman doğru"),
        ("'{one}' always holds", "'{one}' her zaman doğru"),
        ("'{one}' always holds{why}", "'{one}' her zaman doğru{why}"),
    ),
    "code-unused": ((
        "templates/{folder}/ does not print {{ code }}: each of its mails would use up a code unseen",
        "templates/{folder}/ {{ code }} yazmıyor: her iletisi bir kodu kimse görmeden tüketir",
    ),),
    "never-given": (
        (
            ("rule '{rule}' never gives '{what}', which {place} reads:"
            " this message would be kept back for everybody (missing_data)"),
            ("'{rule}' kuralı '{what}' değerini hiç vermiyor, oysa {place} onu okuyor:"
            " bu ileti herkes için alıkonurdu (missing_data)"),
        ),
    ),
    "missing-test": (("no test names the rule '{rule}'", "'{rule}' kuralını anan test yok"),),
    "css-not-inlined": (("its CSS could not be inlined: {error}", "CSS'i etiketlere taşınamadı: {error}"),),
    "unformatted": ((
        "'{name}' is {noun} and would be shown as programs write it",
        "'{name}' {noun}; programların yazdığı gibi görünür",
    ),),
    "never-rendered": ((
        "not even a customer who has everything gets this mail: {missing} is missing",
        "her şeyi olan bir müşteri bile bu iletiyi alamaz; eksik olan: {missing}",
    ),),
    "suffix-after-variable": ((
        "a suffix after a variable cannot follow vowel harmony", "değişkenden sonra gelen ek ünlü uyumuna uyamaz",
    ),),
    "text-differs": (("the text part says much less than the HTML", "metin bölümü HTML'den çok daha az şey söylüyor"),),
    "no-mersis": ((
        "a marketing mail in Turkish lacks the sender's MERSİS number",
        "Türkçe bir pazarlama iletisinde gönderenin MERSİS numarası yok",
    ),),
    "no-trade-name": ((
        "a marketing mail in Turkish lacks the sender's trade name",
        "Türkçe bir pazarlama iletisinde gönderenin ticaret unvanı yok",
    ),),
    "no-contact": ((
        "a marketing mail in Turkish shows no phone or e-mail address of the sender",
        "Türkçe bir pazarlama iletisinde gönderenin telefonu ya da e-posta adresi görünmüyor",
    ),),
    "shouting-subject": (("the subject is all capitals", "konu bütünüyle büyük harf"),),
    "loud-subject": (("the subject has an emoji or '!!'", "konuda bir emoji ya da '!!' var"),),
    "long-subject": ((
        "the subject has {count} characters; mail apps show {shown}",
        "konu {count} karakter; e-posta uygulamaları {shown} karakter gösterir",
    ),),
    "preheader-repeats": (("the preheader only repeats the subject", "ön başlık yalnızca konuyu yineliyor"),),
    "mail-size": ((
        "the HTML has {size} kB; Gmail cuts off near 102 kB", "HTML {size} kB; Gmail 102 kB dolayında keser",
    ),),
    "low-contrast": ((
        "'{text}' has a contrast of {ratio}, {least} is needed ({colour} on {background})",
        "'{text}' için karşıtlık {ratio}, gereken {least} (yazı {colour}, zemin {background})",
    ),),
    "missing-part": (("this template has no {part}; {instead}", "bu şablonda {part} yok; {instead}"),),
}  # fmt: skip

# ---------------------------------------------------------------- why a page has no figures
_FIGURES: Final[_Pairs] = (
    ("they are being computed; look again in a moment", "hesaplanıyor; birazdan yeniden bakın"),
    ("config/measures.yaml declares no measures", "config/measures.yaml ölçü tanımlamıyor"),
    (
        "the log, which is in Kafka, has more records than pages read: ask `relight metrics`, which reads all of it",
        "Kafka'daki günlükte sayfaların okuduğundan çok kayıt var: hepsini okuyan `relight metrics` söyler",
    ),
)

# ---------------------------------------------------------------- why a record is refused
_EMPTY: Final = ("{what} is empty", "{what} boş")
_NONE: Final = ("the record has no {what}", "kayıtta {what} yok")
_TIMES: Final[_Pairs] = (
    (
        "{value} is no time, {iso}",
        "{value} bir zaman değil; {iso}",
    ),
    ("{value} names a day or a time of day that does not exist", "{value} var olmayan bir gün ya da saat"),
    ("{value} lies outside the years {first} to {last} in UTC", "{value}, UTC'de {first}–{last} yılları dışında"),
    ("{value} is no unix time before the year 10000", "{value}, 10000 yılından önceki bir unix zamanı değil"),
    (
        "{value} may be a date or a unix time; declare {ways}",
        "{value} bir tarih de olabilir, unix zamanı da; şunu bildirin: {ways}",
    ),
    ("{value} does not have the declared format {layout}", "{value} bildirilen biçimde değil: {layout}"),
    (
        "{value} names no zone; declare the stream's: {ways}",
        "{value} saat dilimi söylemiyor; akışınkini bildirin: {ways}",
    ),
    ("{name} lies outside the years {first} to {last}", "{name} {first}–{last} yılları dışında"),
)
#: The same behind the name of a field, and alone.
_TIMED: Final[_Pairs] = (*((f"{{field}}: {english}", f"{{field}}: {told}") for english, told in _TIMES), *_TIMES)
_IDENTIFIER: Final[_Pairs] = (
    (
        "{what} is {value}, with a control character or half a character",
        "{what}: {value}; içinde denetim karakteri ya da yarım karakter var",
    ),
    (
        "{what} has {count} characters, at most {most} are allowed",
        "{what} {count} karakter; en çok {most} olabilir",
    ),
    ("{what} is {value}, expected text or a number", "{what}: {value}; beklenen metin ya da sayı"),
    ("{what} is {value}, at most {most} characters are allowed", "{what}: {value}; en çok {most} karakter olabilir"),
)
_IDENTIFIERS: Final = ("id", "customer", "account", "name", "topic")
_INBOX: Final[_Pairs] = (
    ("the link belongs to no message that this store has", "bağlantı, bu deponun bildiği bir iletiye ait değil"),
    ("there is no survey '{survey}' that takes this answer", "bu yanıtı alan bir '{survey}' anketi yok"),
    ("the report of a provider cannot be read", "sağlayıcının bildirimi okunamıyor"),
    (
        "a report '{word}' names neither a message nor an address of ours",
        "'{word}' bildirimi ne bir iletimizi ne bir adresimizi anıyor",
    ),
    ("the order cannot be read", "buyruk okunamıyor"),
    ("the order cannot be read: {error}", "buyruk okunamıyor: {error}"),
    ("this store does not hold its log itself", "bu depo günlüğünü kendisi tutmuyor"),
    ("this engine does not know the command '{command}'", "bu motor '{command}' komutunu bilmiyor"),
    ("there is no message {message} or no word '{word}'", "{message} iletisi ya da '{word}' sözü yok"),
    ("its sources have problems here: {problem}", "kaynakları burada sorunlu: {problem}"),
    ("its sources are version {found}, not {wanted}", "kaynakları {found} sürümünde; beklenen {wanted}"),
    ("the command '{command}' is not carried out on a cluster", "'{command}' komutu kümede yerine getirilmez"),
    ("on a cluster, events come by topics, not over HTTP", "kümede olaylar HTTP ile değil, konularla gelir"),
    ("'{kind}' is not carried out on a cluster: {why}", "'{kind}' kümede yerine getirilmez: {why}"),
    ("a word of the inbox cannot be read: {error}", "gelen kutusundaki bir söz okunamıyor: {error}"),
    (
        "'{kind}' is no word of the inbox that this version knows",
        "'{kind}', bu sürümün bildiği bir gelen kutusu sözü değil",
    ),
    ("a reply in the inbox cannot be read: {error}", "gelen kutusundaki bir yanıt okunamıyor: {error}"),
)
_RECORDS: Final[Mapping[str, _Pairs]] = {
    "too-large": (("the record has more than {count} bytes", "kayıt {count} bayttan büyük"),),
    "not-utf8": (
        ("byte {count} of a text is not UTF-8", "bir metnin {count}. baytı UTF-8 değil"),
        ("the row is not UTF-8", "satır UTF-8 değil"),
    ),
    "too-deep": ((
        "objects and lists are nested deeper than {count}", "nesne ve listeler {count} düzeyden derin iç içe",
    ),),
    "not-json": (
        ("Input data was truncated", "veri yarıda kesilmiş"),
        ("JSON is malformed: {json} (byte {count})", "JSON bozuk: {json} (bayt {count})"),
        ("a number is too large", "bir sayı çok büyük"),
        ("Number out of range", "bir sayı çok büyük"),
    ),
    "not-an-object": (("the record is {value}, expected a JSON object", "kayıt: {value}; beklenen bir JSON nesnesi"),),
    "bad-csv": (
        ("unexpected end of data", "veri yarıda kesilmiş"),
        ("line contains NUL", "satırda NUL karakteri var"),
        ("field larger than field limit ({most})", "bir hücre sınırdan uzun ({most})"),
        ("'{sign}' expected after '{quote}'", "'{quote}' ardından '{sign}' bekleniyordu"),
    ),
    "ragged-row": (
        ("the row has {count} cells, expected {wanted}", "satırda {count} hücre var; beklenen {wanted}"),
        (
            "the row has {count} characters, its columns end at {end}",
            "satır {count} karakter; sütunları {end} karakterde biter",
        ),
        ("the row ends at {count}, inside its columns", "satır {count} karakterde, sütunlarının içinde bitiyor"),
    ),
    "row-place": (("{file} row {number}", "{file}, kayıt {number}"),),
    "missing-group": (
        ("the row has no {name}, by which it is grouped", "satırda {name} yok; gruplama ona göre yapılır"),
    ),
    "bad-group": (("{name} is {value}, expected text or a number", "{name}: {value}; beklenen metin ya da sayı"),),
    "bad-expression": (("{name}: {error}", "{name} hesaplanamadı: {error}"),),
    "bad-value": (
        ("property {name} is {value}, expected {expected}", "{name} özelliği: {value}; beklenen {expected}"),
        ("trait {name} is {value}, expected {expected}", "{name} özelliği: {value}; beklenen {expected}"),
        ("consent {name} is {value}, expected {expected}", "{name} onayı: {value}; beklenen {expected}"),
        ("property {name}: {time}", "{name} özelliği: {time}"),
        ("trait {name}: {time}", "{name} özelliği: {time}"),
        ("consent {name}: {time}", "{name} onayı: {time}"),
        ("{name} is {value}, expected {expected}", "{name}: {value}; beklenen {expected}"),
    ),
    "missing-name": (("the record names no event", "kayıt bir olay adı taşımıyor"), _EMPTY, _NONE),
    "missing-time": (("the record has no time", "kayıtta zaman yok"), _NONE),
    "future-time": ((
        "{name} is {seconds} s after its arrival, at most {most} s are allowed",
        "{name}, gelişinden {seconds} sn sonrasını gösteriyor; en çok {most} sn olabilir",
    ),),
    "map-failed": (
        (
            "the map returned one dictionary, expected a list of them",
            "eşleme tek bir sözlük döndürdü; beklenen bir sözlük listesi",
        ),
        (
            "the map returned {value}, expected a dictionary with text keys",
            "eşleme şunu döndürdü: {value}; beklenen, anahtarları metin olan bir sözlük",
        ),
        ("the map made more than {most} rows of one", "eşleme tek satırdan {most} satırdan fazlasını yaptı"),
        ("{error}: {text}", "eşleme şu hatayı verdi: {error}: {text}"),
    ),
    "known-profile": ((
        "'{who}' is {known}; two known profiles are never merged",
        "'{who}' {known}; bilinen iki profil hiç birleştirilmez",
    ),),
    "unknown-stream": (("there is no stream '{name}'", "'{name}' adlı bir akış yok"),),
    "bad-time": _TIMED,
    "naive-time": _TIMED,
    "time": _TIMES,
}  # fmt: skip

# ---------------------------------------------------------------- why a mail could not be rendered
_MISSING: Final[_Pairs] = (
    ("a link ('{link}' is no https or mailto address)", "bir bağlantı ('{link}' https ya da mailto adresi değil)"),
    ("a value in the {header} that a header may hold", "{header} içinde, başlıkta durabilecek bir değer"),
    ("the {header}", "{header}"),
)
_TEMPLATE: Final[_Pairs] = (
    ("a range of more than {most}", "{most} sayıdan uzun bir dizi"),
    ("a text of more than {most} characters", "{most} karakterden uzun bir metin"),
    ("a {header} of more than {most} characters", "{most} karakterden uzun; yeri: {header}"),
    ("a number of more than {most} bits", "{most} bitten büyük bir sayı"),
    ("a list of more than {most}", "{most} öğeden uzun bir liste"),
    ("more than {most} bytes of output", "çıktı {most} bayttan büyük"),
    ("more than {most} rounds and calls in one template", "tek şablonda {most} tur ve çağrıdan fazlası"),
    ("more than {most} characters printed by one template", "tek şablonun yazdığı {most} karakterden fazla"),
    ("round takes {least} to {most} digits", "round {least} ile {most} arasında basamak alır"),
    ("{least} to {most} digits after the point", "ondalık basamak sayısı {least} ile {most} arasında olmalı"),
    ("sum adds numbers only", "sum yalnızca sayıları toplar"),
    ("'*' multiplies numbers only", "'*' yalnızca sayıları çarpar"),
    ("'**' is not available in templates", "'**' şablonlarda kullanılamaz"),
    (
        "'%' formats no text here; write '{{ }}' and the filters",
        "'%' burada metin biçimlendirmez; '{{ }}' ve süzgeçleri yazın",
    ),
    ("{value} is no number", "{value} bir sayı değil"),
    ("{value} is no instant and no date", "{value} bir an ya da tarih değil"),
    (
        "a date pattern is short, medium, long, full or at most {most} characters",
        "tarih kalıbı short, medium, long, full ya da en çok {most} karakterdir",
    ),
    ("write the arguments of a question as literal texts", "sorunun bağımsız değişkenlerini düz metin olarak yazın"),
    ("{name} was not known when the template was loaded", "şablon yüklenirken {name} bilinmiyordu"),
    ("there is no survey '{survey}'", "'{survey}' adlı bir anket yok"),
    ("click_url leads to https addresses alone", "click_url yalnızca https adreslerine götürür"),
    ("{name} needs a text", "{name} bir metin ister"),
    ("this prints {printed}; print a text or a number", "bu, {printed} yazar; bir metin ya da sayı yazın"),
    ("templates/{folder}/", "templates/{folder}/"),
)

#: Code, or name of a place -> pairs of (English, Turkish).
TURKISH: Final[Mapping[str, _Pairs]] = MappingProxyType({
    **TURKISH_TESTS,
    **_PLACES,
    **_PROBLEMS,
    **{f"missing-{what}": (_EMPTY, _NONE) for what in _IDENTIFIERS},
    **{f"bad-{what}": _IDENTIFIER for what in _IDENTIFIERS},
    **_RECORDS,
    **{f"{kind}-refused": _INBOX for kind in ("event", "reply", "word", "command")},
    "figures": _FIGURES,
    "missing_data": _MISSING,
    "missing": _MISSING,
    "template_error": _TEMPLATE,
})  # fmt: skip
