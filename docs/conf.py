"""Settings of the documentation; CONTRIBUTING.md has the command that builds it."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import changelog
import matplotlib as mpl
import torch
from docutils import nodes
from latex2mathml.converter import convert
from numpydoc.xref import DEFAULT_LINKS
from sphinx.addnodes import pending_xref

import skvas
from tests.faults import table

mpl.use("Agg")
torch.set_num_threads(1)

project = "skvas"
author = copyright = "skvas developers"
release = version = skvas.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "changes", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
default_role = "code"
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"  # docstrings have the types
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
nitpicky = True  # a link that leads nowhere is a warning
nitpick_ignore = [("py:func", "joblib.parallel_config")]
# Classes cite their source in a list, and not always in the text.
suppress_warnings = ["ref.citation"]


def public_names():
    """Map each name of the API reference to its full name."""
    names, module = {}, ""
    for line in Path(__file__).with_name("api.rst").read_text("utf-8").splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r" {3}\w+", line):
            names[line.strip()] = f"{module}.{line.strip()}"
    return names


NAMES = public_names()
# Types in docstrings lead to classes of skvas, and to nothing else.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | {
    word: NAMES[name]
    for name in NAMES
    if name[0].isupper()
    for word in (name, NAMES[name])
}

copybutton_exclude = ".linenos, .gp, .go"  # without prompts and output

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skvas",),
    "within_subsection_order": "pages.LessonOrder",
    "abort_on_example_error": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "matplotlib_animations": False,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib", "pages.scrape"),
    "min_reported_time": 0,
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib[.]|skvas[.]display",
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skvas"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_sidebars = {"tried/*": [], "api": [], "changelog": []}
html_theme_options = {
    # With more, the header takes two lines on a laptop, and covers what is below it.
    "header_links_before_dropdown": 3,
    # Examples have none, which leaves their lines of code more room.
    "secondary_sidebar_items": {
        pages: ["page-toc"]
        for pages in ("api", "changelog", "generated/*", "guide/*", "tried/*")
    },
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}


def write_faults(app, config):
    """Write the page of faults from the names of the tests."""
    page = Path(app.srcdir) / "guide" / "faults.md"
    page.write_text(table.render(), encoding="utf-8")


def write_changes(app, config):
    """Write the change log from the files of `changes/`."""
    page = changelog.render(Path(app.srcdir, "changes"))
    Path(app.srcdir, "changelog.md").write_text(page, encoding="utf-8")


def skip_foreign(app, what, name, member, skip, options):
    """Leave out what classes inherit from other packages."""
    function = getattr(member, "fget", None) or member
    function = getattr(function, "__objclass__", function)  # a method written in C
    module = getattr(function, "__module__", None) or "skvas"
    return skip or not module.startswith("skvas")


def escape_markup(app, what, name, thing, options, lines):
    """Keep shapes such as (n_features_in_,) and |i - j| from being read as markup."""
    for place, line in enumerate(lines):
        line = re.sub(r"(shape \([^`)]*\w)_(?=[,)])", r"\1\\_", line)
        lines[place] = re.sub(
            r"(?<![`\w])\|(\S[^|`]*(?<!\s))\|(?![`_])", r"\\|\1\\|", line
        )


def link_names(app, doctree):
    """Link code that is a public name, or a call of one, to its page."""
    for code in list(doctree.findall(nodes.literal)):
        name = re.fullmatch(r"(skvas\.(?:\w+\.)?)?(\w+)(\(.*\))?", code.astext())
        target = name and NAMES.get(name[2])
        if (
            target is None
            # Such as `load` and `unit`, which may be ordinary words.
            or (not name[1] and name[2].islower() and "_" not in name[2])
            or app.env.docname == f"generated/{target}"
            or not isinstance(code.parent, (nodes.paragraph, nodes.emphasis))
        ):
            continue
        link = pending_xref(
            "",
            code.deepcopy(),
            refdomain="py",
            reftype="obj",
            reftarget=target,
            refdoc=app.env.docname,
        )
        code.replace_self(link)


def strip_blocks(app, doctree):
    """Drop the empty line that ends each doctest of a page."""
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource == block.astext():
            block.rawsource = block.rawsource.rstrip()
            block[:] = [nodes.Text(block.rawsource)]


def write_inline_math(translator, node):
    """Write a formula as MathML, which browsers draw without a script."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def write_math(translator, node):
    """Write a formula that stands by itself."""
    translator.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def setup(app):
    """Connect the functions above; markup is escaped before numpydoc's own turn."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(write_inline_math, None),
        block_renderers=(write_math, None),
    )
    app.connect("config-inited", write_faults)
    app.connect("config-inited", write_changes)
    app.connect("doctree-read", link_names)
    app.connect("doctree-read", strip_blocks)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", escape_markup, priority=100)
