"""What KiCad's packages say of their models: captions and licences."""

import pytest

from argus3d.data.formats.kicad import add_caption, caption_of, licences

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Comment: about all of them
 in two lines

Files: *
Copyright: 2018-2022, Some Community
License: CC-BY-SA-4.0-with-exception

Files: Capacitor_THT.3dshapes/*
Copyright: 2017, 2018, Ann Other <ann@example.org>
  2019, Ben
License: GPL-3+
Comment: made by a script

Files: Capacitor_THT.3dshapes/CP_Axial.step
 Capacitor_THT.3dshapes/CP_Axial.wrl
Copyright: 2017, Ann Other <ann@example.org>
  2019, Ben
License: CC-BY-SA-4.0-with-exception

License: GPL-3+
 Text of a licence.
"""


def test_the_last_paragraph_that_matches_holds() -> None:
    known = licences(COPYRIGHT)
    assert known.of("LED.3dshapes/a.wrl") == ("CC-BY-SA-4.0-with-exception", "Some Community")
    assert known.of("Capacitor_THT.3dshapes/C.wrl") == ("GPL-3+", "Ann Other <ann@example.org>, Ben")
    assert known.of("Capacitor_THT.3dshapes/CP_Axial.wrl")[0] == "CC-BY-SA-4.0-with-exception"
    assert licences("Files: a/*\nLicense: MIT\n").of("b/c") == ("", "")


@pytest.mark.parametrize(
    ("description", "caption"),
    [
        ("Pin header, 1x03, 1.27mm pitch", "Pin header, 1x03, 1.27mm pitch"),
        (
            "SOIC, 8 Pin (http://e.org/a.pdf#page=2, http://e.org/b.pdf), generated with kicad-generator b.py",
            "SOIC, 8 Pin",
        ),
        (
            "Molex Molex FFC (https://e.org/x(y).pdf), 10 Pins (script generated with StandardBox.py) (http://e.org)",
            "Molex FFC, 10 Pins",
        ),
        ("DFN (see Linear DFN_6.pdf)", "DFN"),
        ("see https://e.org", ""),
        ("1.5 (2)", ""),
        ('a \\"round\\" part', 'a "round" part'),
    ],
)
def test_captions_lose_addresses_and_scripts(description: str, caption: str) -> None:
    assert caption_of(description) == caption


def test_the_footprint_of_the_same_name_has_the_last_word() -> None:
    captions: dict[str, str] = {}
    for name, text in (("a", "first"), ("m", "own"), ("z", "last")):
        footprint = f'(footprint (descr "{text}") (model "${{DIR}}/LED.3dshapes/m.step"))'
        add_caption(captions, name, footprint + '(model "${DIR}/LED.3dshapes/n.wrl")')
    add_caption(captions, "o", '(descr "http://e.org") (tags LED) (model "${DIR}/LED.3dshapes/o.wrl")')
    add_caption(captions, "p", '(descr "1") (model "${DIR}/LED.3dshapes/p.wrl")')
    assert captions == {"LED.3dshapes/m.wrl": "own", "LED.3dshapes/n.wrl": "first", "LED.3dshapes/o.wrl": "LED"}
