"""The web pages: what each shows, one module a page. How they look is in `templates/` and `static/`.

They are routes of the same server as the API (`routes`), and show what the API's own functions answer: nothing is
added up here.
"""
