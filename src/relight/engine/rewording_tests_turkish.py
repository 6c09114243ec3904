"""What is wrong in a file of rule tests, in Turkish: the page of a rule says so where its tests cannot be read."""

from __future__ import annotations

from typing import Final

#: English, Turkish; those of the first part may end with a hint.
_HINTED: Final = (
    ("there is no topic '{topic}'", "'{topic}' diye bir konu yok"),
    ("there is no rule '{rule}'", "'{rule}' diye bir kural yok"),
    ("no stream declares the trait '{name}'", "hiçbir akış '{name}' özelliğini bildirmiyor"),
    ("no stream declares the event '{name}'", "hiçbir akış '{name}' olayını bildirmiyor"),
    ("no stream declares the {what} '{name}'", "hiçbir akış bunu bildirmiyor: '{name}' ({what})"),
    ("no rule reads the measure '{name}'", "hiçbir kural '{name}' ölçüsünü okumuyor"),
    ("stream '{stream}' has no '{event}'", "'{stream}' akışında '{event}' yok"),
    ("it has no property '{key}'", "bu olayın '{key}' diye bir alanı yok"),
    ("no rule of this test splits at '{step}'", "bu testin hiçbir kuralı '{step}' adımında bölünmüyor"),
    ("there is no reason '{reason}'", "'{reason}' diye bir neden yok"),
    ("nothing is known of the customer '{customer}'", "'{customer}' müşterisi üzerine bir şey bilinmiyor"),
    ("'{step}' has no '{arm}'", "'{step}' adımında '{arm}' yok"),
)
_PLAIN: Final = (
    ("nothing says which account somebody belongs to", "kimin hangi hesaba ait olduğunu söyleyen bir şey yok"),
    ("'every' and 'times' belong together", "'every' ile 'times' birlikte yazılır"),
    ("'every' is no length of time", "'every' bir süre değil"),
    ("it happens before the test starts", "test başlamadan önce oluyor"),
    ("it arrives before it happens", "olmadan önce geliyor"),
    ("'{event}' concerns everybody", "'{event}' herkesi ilgilendirir"),
    ("'{event}' needs its 'customer'", "'{event}' için 'customer' gerekli"),
    ("'{key}' is '{found}', but {expected} was expected", "'{key}' için bulunan '{found}', beklenen {expected}"),
    ("'{text}' is no time", "'{text}' bir zaman değil"),
    ("a test needs 'until', of its own or of the file", "testin kendisinde ya da dosyada 'until' gerekli"),
    ("'{text}' is neither a length of time nor a time", "'{text}' ne bir süre ne de bir zaman"),
    ("'{rule}' is none of the rules that this test names", "'{rule}' bu testin adını verdiği kurallardan değil"),
    ("what is deferred needs 'until'", "ertelenen için 'until' gerekli"),
    ("what is {kind} needs its 'reason'", "{kind} için 'reason' gerekli"),
)
#: By code: what is wrong, and the hint at its end.
TURKISH_TESTS: Final = {
    "rule-test": (
        *((f"{english}; {{hint}}", f"{turkish}; {{hint}}") for english, turkish in _HINTED),
        *_HINTED,
        *_PLAIN,
    ),
    "hint": (
        ("did you mean '{word}'?", "şunu mu demek istediniz: '{word}'?"),
        ("expected one of {choices}", "beklenen, şunlardan biri: {choices}"),
    ),
}
