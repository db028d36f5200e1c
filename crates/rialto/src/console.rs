//! The web console, in the binary: what `console/` in this repository is bundled to. Nothing else is needed to show it.

use edge::pages::StaticPage;

/// Its page and the parts of it.
pub static PAGES: [StaticPage; 3] = [
    StaticPage {
        path: "/",
        content_type: "text/html; charset=utf-8",
        body: include_bytes!("../../../console/dist/index.html"),
    },
    StaticPage {
        path: "/console/console.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_bytes!("../../../console/dist/console.js"),
    },
    StaticPage {
        path: "/console/console-style.css",
        content_type: "text/css; charset=utf-8",
        body: include_bytes!("../../../console/dist/console-style.css"),
    },
];
