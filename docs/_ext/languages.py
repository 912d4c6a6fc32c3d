"""Two languages in one site: English at the top, Portuguese below ``pt/``.

A page and its translation have the same path below the two. This extension gives each
page its ``lang``, the theme's words in its language, the sections of that language at
the top, and a link to the same page in the other language.
"""

import gettext
from pathlib import Path

import sphinx

PORTUGUESE = "pt"
SECTIONS = {
    "en": {
        "learn/index": "Learn",
        "use/index": "Use",
        "gallery/index": "Examples",
        "reference/index": "Reference",
        "trust/index": "Trust",
        "change/index": "Change it",
    },
    PORTUGUESE: {
        "pt/learn/index": "Aprender",
        "pt/use/index": "Usar",
        "pt/glossary": "Glossário",
    },
}
NAMES = {"en": "English", PORTUGUESE: "Português"}
WORDS = {
    "Section Navigation": "Nesta seção",
    "Site navigation": "Navegação do site",
    "Site Navigation": "Navegação do site",
    "On this page": "Nesta página",
    "Collapse Sidebar": "Esconder a barra lateral",
    "Expand Sidebar": "Mostrar a barra lateral",
    "Skip to main content": "Ir para o conteúdo",
    "Back to top": "Voltar ao início",
    "Breadcrumb": "Caminho",
    "Home": "Início",
    "previous page": "página anterior",
    "next page": "próxima página",
    "previous": "anterior",
    "next": "próxima",
    "Color mode": "Modo de cor",
    "Light": "Claro",
    "Dark": "Escuro",
    "System Settings": "Do sistema",
    "Version warning": "Aviso de versão",
    "© Copyright %(copyright)s.": "© %(copyright)s.",
    "The sknn developers": "Os desenvolvedores do sknn",
    "Search the docs ...": "Buscar na documentação ...",
}
# What Sphinx and myst-nb write into pages, in the one language of the site.
IN_PAGES = {
    "Link to this heading": "Link para este título",
    "Link to this code": "Link para este código",
    "Link to this image": "Link para esta imagem",
    "Link to this table": "Link para esta tabela",
    "Toggle hidden content": "Mostrar ou esconder o código",
}
# The buttons that copy code: sphinx-copybutton has no Portuguese words.
COPY = """
messages["pt-BR"] = {
  copy: "Copiar", copy_to_clipboard: "Copiar o código",
  copy_success: "Copiado!", copy_failure: "Não foi possível copiar",
};
locale = "pt-BR";
"""
TAGS = {"en": "en", PORTUGUESE: "pt-BR"}


def language_of(page):
    """Return the language of a page, ``"en"`` or ``"pt"``."""
    return PORTUGUESE if page.startswith(f"{PORTUGUESE}/") else "en"


def counterpart(page, pages):
    """Return the same page in the other language, or else its front page."""
    prefix = f"{PORTUGUESE}/"
    if page.startswith(prefix):
        other, front = page.removeprefix(prefix), "index"
    else:
        other, front = f"{prefix}{page}", f"{prefix}index"
    return other if other in pages else front


class Words(gettext.NullTranslations):
    """The theme's words in Portuguese; those that it shares with Sphinx from there."""

    def gettext(self, message):
        """Return a message in Portuguese."""
        return WORDS.get(message) or super().gettext(message)


def translations(language):
    """Return the words of the theme in a language."""
    if language == "en":
        return gettext.NullTranslations()
    words = Words()
    folder = Path(sphinx.__file__).parent / "locale"
    words.add_fallback(gettext.translation("sphinx", folder, ["pt_BR"]))
    return words


def set_context(app, pagename, templatename, context, doctree):
    """Tell the templates of a page which language it is in."""
    language = language_of(pagename)
    [other] = SECTIONS.keys() - {language}
    pages = app.env.all_docs
    context["language"] = TAGS[language]
    context["site_sections"] = [
        (page, title, pagename.startswith(page.removesuffix("index")))
        for page, title in SECTIONS[language].items()
        if page in pages
    ]
    context["other_language"] = {
        "page": counterpart(pagename, pages),
        "name": NAMES[other],
        "tag": TAGS[other],
    }
    front = f"{PORTUGUESE}/index"
    if pagename == front:
        context["prev"] = None  # the last page in English
    elif (context.get("next") or {"link": ""})["link"].endswith(f"{front}.html"):
        context["next"] = None
    words = translations(language)
    for name in ("copyright", "theme_search_bar_text"):
        context[name] = words.gettext(context[name])
    if language == PORTUGUESE:
        for message, translated in IN_PAGES.items():
            for part in ("body", "toc"):
                text = context.get(part, "")
                context[part] = text.replace(f'"{message}"', f'"{translated}"')
        app.add_js_file(None, body=COPY, priority=900)
    environment = app.builder.templates.environment
    environment.install_gettext_translations(words, newstyle=True)


def setup(app):
    """Register the extension."""
    app.connect("html-page-context", set_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
