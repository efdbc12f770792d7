"""Documents as text with its structure, and back: PDF, DOCX, XLSX, PPTX, HTML, Markdown, CSV, JSON, plain text."""
