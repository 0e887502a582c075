"""The site of these pages, by `make docs`: built from the top folder, so that links are the same in a checkout.

Nothing in it comes from another host.
"""

project = "Marriage-loan scoring"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
include_patterns = [
    *("docs/**.md", "README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("bench/**.md", "deploy/**.md", "jenkins/**.md"),
]
exclude_patterns = [".*", "build", "*.egg-info", "tests", "serve", "fraud", "train", "convert", "initdb", "desk"]
myst_heading_anchors = 4
highlight_language = "none"
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
