"""Sentences about measures and effects in Turkish; `definitions.py` and `remarks.py` fill them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TURKISH: Final[Mapping[str, str]] = {
    "here": " Burada: {words}.",
    "begins": "müşteri olunan an: {where}",
    "first_activity": "ilk etkinlik",
    "leaves": "ayrılınan an: {where}",
    "lost": "{span} boyunca {activity} olmayan kaybedilmiş sayılır",
    "any_of": "{count} tür etkinlikten hiçbiri",
    "order": "sipariş: {order}",
    "order_by_day": "sipariş: {order}; bir müşterinin aynı yerel gündekileri bir sayılır",
    "lifetime": "ömür: {lifetime}",
    "on_revenue": "gelir üzerinden",
    "on_profit": "kâr üzerinden, kâr payı %{margin}",
    "answers": "yanıtlar: {source}, {low}–{high} arasında",
    "satisfied": ", memnun sayılan en az {satisfied}",
    "amounts": "tutarlar: {source}",
    "period": "dönem: {period}, saat dilimi {zone}",
    "a_day": "gün",
    "a_week": "hafta",
    "a_month": "ay",
    "a_quarter": "çeyrek",
    "a_year": "yıl",
    "effort": (
        "Ölçülen çaba: '{begins}' ile aynı müşterinin ondan önce olmayan ilk '{ends}' olayı arasındaki günlerin"
        " ortancası, dönem içinde bitenler üzerinden."
    ),
    "cohorts": (
        "Bir grup, aynı yerel takvim döneminde müşteri olanlardır: ilk `signup` anında (yoksa ilk etkinlikte). n."
        " dönemde"
        " etkin: ondan sonraki n. takvim döneminde etkinlik sayılan herhangi bir olay; 0 dönemin kendisidir."
    ),
    "effect": (
        "Kişiler, kuralın ilk iletisine ya da onun gölgesine göre: gönderilenlerle ayrı tutulanlar, ileti ne"
        " olduysa olsun."
        " Hedef: o ileti ya da gölgeden sonra {attribution} içinde varılan kural hedefi. Puan farkı: ilkinin payı −"
        " ikincinin payı, Newcombe'un %95 aralığıyla; p: birleşik varyanslı z testi. Ulaşan, posta kutusunun aldığı ve"
        " sonradan geri göndermediğidir. Tıklamalar insanlarınkidir; bir makinenin açtığı ya da izlediği sayılmaz."
    ),
    "missing": "config/measures.yaml içindeki `sources` şunu söylemiyor: {words}",
    "or": " ya da ",
    "no_events": "henüz olay yok",
    "by_account": (
        "kişiler hesaba göre ayrı tutuluyor, aralık ise herkesi kendi kurasıyla sayıyor: bir hesapta birkaç kişi varsa"
        " aralık fazla dardır"
    ),
    "no_goal": "kuralın hedefi yok, işe yarayıp yaramadığını hiçbir şey söylemiyor",
    "goal_of_entry": "hedef girişle karşılaştırıyor, girişi tek bir olay başlatmamış: burada sayılmadı",
    "goal_of_code": "hedef iletinin koduyla karşılaştırıyor, ayrı tutulanların kodu yok: iki taraf karşılaştırılmadı",
    "no_holdout": "kimse ayrı tutulmuyor, karşılaştıracak bir şey yok",
    "wrong_split": (
        "{share} ayrı tutulması istenirken {people} kişiden {held_out} kişi ayrı tutulmuş (p = {p}): pay değişmiş ya da"
        " onları başka bir şey bölüyor; farka güvenmeyin"
    ),
    "few_for_revenue": "kişi başına gelir karşılaştırılmıyor: bir tarafta {people} kişi var, {needed} gerekir",
    "few_for_a_point": (
        "1 puanı görmek için her tarafta yaklaşık {needed} kişi gerekir; küçük tarafta {people} kişi var"
    ),
}
#: Measure -> what it is in general.
TURKISH_MEASURES: Final[Mapping[str, str]] = {
    "customers": (
        "Dönem sonunda müşteri olan kişiler. Müşteri olunan an `signup` (yoksa ilk etkinlik ve bir `subscription`);"
        " müşterilik `left` ile ya da son etkinlikten sonra `lapsed_after` geçince biter; yeni bir başlangıç yeniden"
        " müşteri yapar."
    ),
    "retention_rate": (
        "(E − N) / S × 100: dönem başındaki S müşteriden sonunda da müşteri olanların payı. E sondaki müşteriler; N"
        " onlardan başta müşteri olmayanlar; aynı dönemde gelip giden hiçbir yerde sayılmaz."
    ),
    "churn": (
        "(S − (E − N)) / S × 100: dönem başındaki S müşteriden sonunda müşteri olmayanların payı. Bir dönemin"
        " elde tutma"
        " ve kayıp oranları toplamı %100 eder."
    ),
    "orders": (
        "Dönemdeki siparişler, verildikleri ana göre. `occasion: day` ile bir müşterinin aynı yerel gündeki siparişleri"
        " birdir."
    ),
    "revenue": "Dönemin siparişlerinin getirdiği. Tutarını söylemeyen sipariş sıfır sayılır.",
    "aov": "Dönemin geliri / dönemin siparişleri.",
    "apf": "Dönemin siparişleri / o dönemde sipariş veren müşteriler.",
    "acl": (
        "Dönem sayısıyla. `lifetime: churn`: 1 / dönemin kayıp oranı; kayıp yoksa sayı da yoktur. `lifetime: observed`"
        " (abonelik varsa): dönem sonuna dek bütün ömürlerin toplamı / o ana dek müşteri olanlar; hâlâ müşteri olan o"
        " ana dek sayılır, bu yüzden sayı bir alt sınırdır. Bir ay 365,25 / 12 gün sayılır."
    ),
    "clv": (
        "AOV × APF × ACL, üçü de aynı dönemin; `margin` yazılıysa onunla çarpılır (o zaman kâr, yoksa gelir üzerinden)."
        " Bir ürünün: kendi AOV ve APF değerleri, bütün müşterilerin ömrüyle."
    ),
    "cac": "Dönemin maliyeti / o dönemde ilk kez müşteri olanlar.",
    "clv_to_cac": "Aynı dönemin CLV / CAC değeri.",
    "repeat_purchase_rate": (
        "İki ya da daha çok siparişi olan müşteriler / siparişi olan müşteriler × 100, dönem sonuna dek her şey"
        " üzerinden"
        " (`--since` ile: oradan başlayarak)."
    ),
    "mrr": (
        "Dönem sonunda süren aboneliklerin ayda getirdiği; yıllık tutarın on ikide biri, üç aylığın üçte biri"
        " sayılır. Bir"
        " müşterinin son tutarı, bir sonrakine ya da `cancelled` (`left`) anına dek geçerlidir. Dönem başından"
        " beri: yeni"
        " (önceden yok), artış (daha çok), azalış (daha az), kayıp (artık yok); başlangıç + yeni + artış − azalış"
        " − kayıp"
        " = son."
    ),
    "nps": (
        "Dönemdeki yanıtlarda tavsiye edenlerin (9–10) yüzdesi − etmeyenlerin (0–6) yüzdesi, 0–10 arasında; ölçek"
        " dışındaki yanıt sayılmaz."
    ),
    "csat": (
        "Memnun yanıtlar / dönemin yanıtları × 100. Ölçek ve sınır config içindeki `surveys` ile belirlenir;"
        " yazılmamışsa"
        " 1–5 ölçeğinde 4–5, 1–10 ölçeğinde 7–10."
    ),
    "ces": (
        "Dönemdeki yanıtların ortalaması; config içindeki `surveys` başka bir şey demiyorsa 1–5 arasında; az olan"
        " iyidir."
    ),
}
