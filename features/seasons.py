"""What the season brings: the festival and the settling of wages, farm work, school terms, heating, working days."""

from riskwarn.feature import DatePart, Places, Product, Share, SpringFestival, UrbanClass, WageWindow, Window, Workdays
from riskwarn.history import Stream

FEATURES = [
    DatePart("weekday"),
    Workdays(7),
    SpringFestival(),
    Product(WageWindow(), Share(Stream("dispute", ("D07",)), "dispute", days=364)),
    Product(Window("farm"), UrbanClass(("210", "220"), "rural")),
    Product(Window("term"), Places("school")),
    Window("heating"),
]
