"""The documentation site: python -m sphinx -b html -W docs build/docs.

Needs the extra ``docs``. Everything that a page loads is on the site itself.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

import sknn  # noqa: E402

os.environ.pop("MPLBACKEND", None)  # or the pictures of chapters would not be shown

project = "sknn"
author = "The sknn developers"
project_copyright = author
version = release = sknn.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # Those of the folder _ext.
    "api",
    "breaks",
    "browser_runtime",
    "gallery",
    "languages",
    "mathml",
    "repository",
]
templates_path = ["_templates"]
exclude_patterns = ["_*", "gallery/*.ipynb", "**sg_execution_times.rst"]
suppress_warnings = ["config.cache"]  # a function in autosummary_context

# Markdown. Chapters are notebooks, which run while the site is built.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "tasklist"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(DOCS.parent / "build" / "docs-notebooks")
nb_execution_in_temp = True  # for the animations that chapters write
nb_execution_raise_on_error = True
nb_execution_timeout = 120  # of a cell; no chapter takes 30 seconds in all
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_ipywidgets_js = {}  # no widgets: their scripts are on other servers

autosummary_generate = True
autodoc_typehints = "none"  # types, shapes and defaults are in the docstrings
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the templates name the methods

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = "sknn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sknn"},
    "navbar_center": ["site_sections"],
    "navbar_end": ["language_switch", "theme-switcher"],
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
