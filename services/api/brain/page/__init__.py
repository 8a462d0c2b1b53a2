"""The home page: HTML of the same models that `/api/v1/overview` answers with. Imports no adapter and no route.

    words.py      how ages, sizes and verdicts are said
    picture.py    where the pieces of a bar lie
    render.py     the templates, filled; the files that they link to

Everything is served from here, nothing from elsewhere. No style and no script stands in a page itself, so that the
policy in `render.POLICY` can forbid both; what has a width of its own is drawn in SVG, by attributes. A refusal alone
carries its style, because whoever is refused gets no file.
"""
