"""Files as other programs make them, for tests of readers."""

import io
import zipfile
from typing import Any

import docx
import openpyxl
import pptx
from docx.enum.text import WD_BREAK
from pptx.util import Inches
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml"
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
RELATIONS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
Target="word/document.xml"/></Relationships>"""
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def saved(made: Any) -> bytes:
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def word() -> bytes:
    made = docx.Document()
    made.core_properties.title = "Report"
    made.add_heading("Results", 1)
    made.add_paragraph("The first page.")
    turning = made.add_paragraph()
    turning.add_run().add_break(WD_BREAK.PAGE)
    turning.add_run("The second page.")
    made.add_paragraph("a point", style="List Bullet 2")
    grid = made.add_table(rows=2, cols=3)
    grid.cell(0, 0).merge(grid.cell(0, 1)).text = "both"
    grid.cell(0, 2).text = "c"
    for column, text in enumerate("1|2 3"[i : i + 2] for i in (0, 2, 4)):
        grid.cell(1, column).text = text
    return saved(made)


def sheets() -> bytes:
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    first.title = "Sales"
    first.append(["month", "sum"])
    for month in range(1, 121):
        first.append([month, month * 1.5])
    first.append(["all", "=SUM(B2:B121)"])
    made.create_sheet("Empty")
    return saved(made)


def slides() -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Plans"
    slide.placeholders[1].text_frame.text = "grow"
    slide.notes_slide.notes_text_frame.text = "Smile."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    second.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "loose words"
    grouped = second.shapes.add_group_shape().shapes.add_textbox(0, 0, Inches(2), Inches(1))
    grouped.text_frame.text = "in a group"
    return saved(deck)


def pdf(*, password: str | None = None, pages: int = 2) -> bytes:
    file = io.BytesIO()
    lock = StandardEncryption(password, ownerPassword="owner") if password else None
    canvas = Canvas(file, encrypt=lock)
    canvas.setTitle("Handbook")
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 20)
        canvas.drawString(72, 780, f"Chapter {page}")
        canvas.setFont("Helvetica", 10)
        for number, line in enumerate(["A paragraph that goes", "over two lines.", "", "Another one."]):
            canvas.drawString(72, 740 - 12 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def packed(**parts: bytes | str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()
