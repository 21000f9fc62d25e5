"""What is said in languages other than English: everyday phrases of our own, put together at random."""

from __future__ import annotations

import random

#: Phrases by language (espeak-ng's names of them); bars separate.
_PHRASES = {
    "es": """
        buenos días | ¿en qué puedo ayudarle? | quisiera reservar una mesa | para mañana por la mañana | el perro
        grande juega en la playa | mi hermana vive en una casa vieja | muchas gracias por su paciencia | el código
        es cuatro siete nueve | compré zapatos nuevos y un abrigo | hace mucho frío en febrero | ¿puede repetir el
        nombre? | la lluvia cae sobre el tejado | me gusta el chocolate caliente | un momento, por favor | vamos al
        mercado con la familia | el jefe llegó tarde a la fiesta | nunca he visto una película tan buena | abrimos
        de lunes a viernes | el niño bebe un vaso de agua | la factura tiene un error | ese chico habla muy rápido |
        no hay ningún problema | siempre viajo en tren | quiero hablar con alguien
    """,
    "fr": """
        bonjour à tous | je voudrais un rendez-vous | pour demain matin | le petit chien joue dans le jardin | ma
        sœur habite une vieille maison | merci beaucoup de votre patience | le code est quatre sept neuf | j'ai
        acheté des chaussures neuves | il fait très froid en février | pouvez-vous répéter votre nom | la pluie
        tombe sur le toit | un moment s'il vous plaît | nous allons au marché ensemble | le chef est arrivé en
        retard | je n'ai jamais vu un aussi bon film | nous sommes ouverts du lundi au vendredi | l'enfant boit un
        verre d'eau | la facture contient une erreur | ce garçon parle beaucoup trop vite | il n'y a aucun problème
        | je voyage toujours en train | quelqu'un frappe à la porte | un bon vin blanc | peut-être que oui
    """,
    "it": """
        buongiorno a tutti | vorrei prenotare un tavolo | per domani mattina | il piccolo cane gioca in giardino |
        mia sorella abita in una casa vecchia | grazie mille per la pazienza | il codice è quattro sette nove | ho
        comprato scarpe nuove | fa molto freddo a febbraio | può ripetere il suo nome | la pioggia cade sul tetto |
        un momento per favore | andiamo al mercato insieme | il capo è arrivato tardi alla festa | non ho mai visto
        un film così bello | siamo aperti da lunedì a venerdì | il bambino beve un bicchiere d'acqua | la fattura ha
        un errore | quel ragazzo parla troppo veloce | non c'è nessun problema | viaggio sempre in treno | qualcuno
        bussa alla porta | pesce, pane e vino bianco | che bella giornata
    """,
    "pt-br": """
        bom dia a todos | eu gostaria de marcar uma consulta | para amanhã de manhã | o cachorro brinca no jardim |
        minha irmã mora numa casa velha | muito obrigado pela paciência | o código é quatro sete nove | comprei
        sapatos novos e um chapéu | faz muito frio em fevereiro | pode repetir o seu nome | a chuva cai no telhado |
        um momento por favor | vamos juntos à feira | o chefe chegou tarde na festa | nunca vi um filme tão bom |
        abrimos de segunda a sexta | a criança bebe um copo de água | a fatura tem um erro | esse rapaz fala muito
        rápido | não há nenhum problema | sempre viajo de trem | alguém bate na porta | pão, peixe e vinho | quero
        falar com você
    """,
    "de": """
        guten Morgen zusammen | ich möchte einen Tisch bestellen | für morgen früh | der kleine Hund spielt im
        Garten | meine Schwester wohnt in einem alten Haus | vielen Dank für Ihre Geduld | der Code ist vier sieben
        neun | ich habe neue Schuhe gekauft | im Februar ist es sehr kalt | können Sie den Namen wiederholen | der
        Regen fällt auf das Dach | einen Moment bitte | wir gehen zusammen auf den Markt | der Chef kam zu spät zum
        Fest | so einen guten Film habe ich nie gesehen | wir haben von Montag bis Freitag offen | das Kind trinkt
        ein Glas Wasser | die Rechnung hat einen Fehler | dieser Junge spricht viel zu schnell | das ist überhaupt
        kein Problem | ich fahre immer mit dem Zug | jemand klopft an die Tür | fünf frische Fische | auf
        Wiedersehen
    """,
    "pl": """
        dzień dobry państwu | chciałbym zarezerwować stolik | na jutro rano | mały pies bawi się w ogrodzie | moja
        siostra mieszka w starym domu | bardzo dziękuję za cierpliwość | kod to cztery siedem dziewięć | kupiłem
        nowe buty i płaszcz | w lutym jest bardzo zimno | proszę powtórzyć nazwisko | deszcz pada na dach |
        chwileczkę proszę | idziemy razem na targ | szef spóźnił się na przyjęcie | nigdy nie widziałem tak dobrego
        filmu | dziecko pije szklankę wody | w rachunku jest błąd | ten chłopak mówi za szybko | nie ma żadnego
        problemu | zawsze jeżdżę pociągiem | ktoś puka do drzwi | świeże ryby i pieczywo
    """,
    "tr": """
        günaydın herkese | bir masa ayırtmak istiyorum | yarın sabah için | küçük köpek bahçede oynuyor | kız
        kardeşim eski bir evde oturuyor | sabrınız için çok teşekkürler | kod dört yedi dokuz | yeni ayakkabı aldım
        | şubatta hava çok soğuk | adınızı tekrar eder misiniz | yağmur çatıya düşüyor | bir dakika lütfen |
        birlikte pazara gidiyoruz | müdür geç kaldı | hiç bu kadar güzel film görmedim | çocuk bir bardak su içiyor
        | faturada bir hata var | bu çocuk çok hızlı konuşuyor | hiç sorun değil | her zaman trenle giderim | biri
        kapıyı çalıyor
    """,
    "nl": """
        goedemorgen allemaal | ik wil graag een tafel reserveren | voor morgenochtend | de kleine hond speelt in de
        tuin | mijn zus woont in een oud huis | hartelijk dank voor uw geduld | de code is vier zeven negen | ik heb
        nieuwe schoenen gekocht | in februari is het erg koud | kunt u uw naam herhalen | de regen valt op het dak |
        een ogenblik alstublieft | we gaan samen naar de markt | de baas kwam te laat op het feest | zo'n goede film
        heb ik nooit gezien | het kind drinkt een glas water | er zit een fout in de rekening | die jongen praat
        veel te vlug | dat is helemaal geen probleem | ik reis altijd met de trein | iemand klopt op de deur
    """,
    "hi": """
        नमस्ते आप कैसे हैं | मैं आपकी क्या मदद कर सकता हूँ | कल सुबह के लिए | छोटा कुत्ता बगीचे में खेल रहा है |
        मेरी बहन पुराने घर में रहती है | आपके धैर्य के लिए बहुत धन्यवाद | मैंने नए जूते खरीदे | फरवरी में बहुत ठंड
        होती है | कृपया अपना नाम फिर से बताइए | बारिश छत पर गिर रही है | एक मिनट रुकिए | हम साथ में बाज़ार जाते हैं
        | बच्चा एक गिलास पानी पीता है | बिल में एक गलती है | यह लड़का बहुत तेज़ बोलता है | कोई समस्या नहीं है | मैं
        हमेशा ट्रेन से जाता हूँ | कोई दरवाज़ा खटखटा रहा है | मुझे गरम चाय पसंद है | आज मौसम बहुत अच्छा है | फिर
        मिलेंगे
    """,
    "ru": """
        добрый день | я хотел бы заказать столик | на завтра утром | маленькая собака играет в саду | моя сестра
        живёт в старом доме | большое спасибо за терпение | код четыре семь девять | я купил новые ботинки | в
        феврале очень холодно | повторите пожалуйста имя | дождь падает на крышу | одну минуту | мы вместе идём на
        рынок | начальник опоздал на праздник | такого хорошего фильма я не видел | ребёнок пьёт стакан воды | в
        счёте ошибка | этот мальчик говорит слишком быстро | никаких проблем | я всегда езжу на поезде | кто-то
        стучит в дверь | всего доброго | белый хлеб и свежая рыба | позвоните мне позже
    """,
    "cs": """
        dobrý den | chtěl bych objednat stůl | na zítra ráno | malý pes si hraje na zahradě | moje sestra bydlí ve
        starém domě | mockrát děkuji za trpělivost | kód je čtyři sedm devět | koupil jsem si nové boty | v únoru je
        velká zima | můžete zopakovat své jméno | déšť padá na střechu | okamžik prosím | jdeme spolu na trh | šéf
        přišel pozdě | nikdy jsem neviděl tak dobrý film | dítě pije sklenici vody | v účtu je chyba | ten kluk
        mluví moc rychle | to vůbec nevadí | vždycky jezdím vlakem | někdo klepe na dveře | čerstvé ryby a bílý
        chléb
    """,
    "fi": """
        hyvää päivää | haluaisin varata pöydän | huomenna aamulla | pieni koira leikkii puutarhassa | siskoni asuu
        vanhassa talossa | paljon kiitoksia kärsivällisyydestä | koodi on neljä seitsemän yhdeksän | ostin uudet
        kengät | helmikuussa on hyvin kylmä | voitteko toistaa nimenne | sade putoaa katolle | hetkinen vain |
        menemme yhdessä torille | pomo myöhästyi juhlista | en ole nähnyt näin hyvää elokuvaa | lapsi juo lasin
        vettä | laskussa on virhe | poika puhuu liian nopeasti | ei mitään ongelmaa | matkustan aina junalla | joku
        koputtaa oveen | tuoretta kalaa ja leipää
    """,
    "ca": """
        bon dia a tothom | voldria reservar una taula | per demà al matí | el gos petit juga al jardí | la meva
        germana viu en una casa vella | moltes gràcies per la paciència | el codi és quatre set nou | he comprat
        sabates noves | al febrer fa molt fred | pot repetir el seu nom | la pluja cau a la teulada | un moment si
        us plau | anem junts al mercat | el cap ha arribat tard a la festa | no he vist mai una pel·lícula tan bona
        | el nen beu un got d'aigua | la factura té un error | aquest noi parla massa de pressa | no hi ha cap
        problema | sempre viatjo amb tren | algú truca a la porta | peix fresc i pa blanc
    """,
}

PHRASES: dict[str, tuple[str, ...]] = {
    language: tuple(" ".join(phrase.split()) for phrase in text.split("|")) for language, text in _PHRASES.items()
}


def phrases(language: str, count: int, seed: int) -> list[str]:
    """`count` utterances of one or two phrases in a language, the same for the same seed."""
    rng = random.Random(f"{language} {seed}")
    return [", ".join(rng.sample(PHRASES[language], rng.choice((1, 2, 2)))) for _ in range(count)]
