// Any dialect, by hand: connect, send ready-made or own text, watch the raw frames and the number of the event that each
// derives from, take it along as a program.
//
// That number is in no dialect. Our own server tells it beside, in a text of its own before each frame that it tells, to
// whoever asks for that when connecting; elsewhere nobody is asked.

import { programs } from "../code.js";
import { el, painter, panel, say } from "../dom.js";
import { demoAccounts } from "../native.js";
import { DIALECTS, filled } from "../requests.js";

/** Frames that are kept; the oldest go first. */
const FRAMES_MAX = 500;
/** Characters of a frame that are shown before one asks for the rest. */
const SHOWN_MAX = 400;
/** The subprotocol by which our server tells numbers, and what it tells. */
const NUMBERS = "rialto.sequence";
const NUMBER = /^\{"rialto":\{"sequence":(\d+)\}\}$/;

export function explorer({ main, parameter }) {
  const names = Object.keys(DIALECTS);
  const chosen = names.includes(parameter) ? parameter : names[0];
  const { title, path, requests } = DIALECTS[chosen];
  let account;
  let socket = null;
  let isLeft = false;
  let frames = [];
  let dropped = 0;
  let sent = [];

  const tabs = el(
    "nav",
    { class: "choices", "aria-label": "Dialects" },
    names.map((name) =>
      el("a", { href: `#/explorer/${name}`, "aria-current": name === chosen ? "true" : null }, DIALECTS[name].title),
    ),
  );
  const address = el("input", { id: "address", class: "grow", spellcheck: "false", autocomplete: "off" });
  const connect = el("button", { type: "button", onclick: () => (socket ? hangUp() : dial()) }, "Connect");
  const state = el("span", { role: "status" }, "not connected");
  const text = el("textarea", { id: "text", rows: "5", spellcheck: "false", onkeydown: (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  } });
  const ready = el("div", { class: "ready", role: "group", "aria-label": "Ready-made requests" });
  const rows = el("ol", { class: "frames", tabindex: "0", "aria-label": "Frames" });
  const count = el("small", {});
  const filter = el("input", { id: "filter", placeholder: "text, or an event", oninput: () => paint() });
  const pause = el("button", { type: "button", "aria-pressed": "false", onclick: () => {
    const isPaused = pause.getAttribute("aria-pressed") === "true";
    pause.setAttribute("aria-pressed", String(!isPaused));
    paint();
  } }, "Hold still");
  const clear = el("button", { type: "button", onclick: () => {
    frames = [];
    dropped = 0;
    rows.replaceChildren();
    paint();
  } }, "Clear");
  const program = el("pre", { class: "program", tabindex: "0" });
  const languages = el("div", { class: "choices", role: "group", "aria-label": "Languages" });
  let language = "Python";

  const paint = painter(() => {
    say(count, `${frames.length} frames${dropped > 0 ? `, ${dropped} older ones are not kept` : ""}`);
    if (pause.getAttribute("aria-pressed") === "true") return;
    const wanted = frames.filter(({ text, number }) => text.includes(filter.value) || number === filter.value);
    const atEnd = rows.scrollHeight - rows.scrollTop - rows.clientHeight < 40;
    rows.replaceChildren(...wanted.map((frame) => (frame.row ??= row(frame))));
    if (atEnd) rows.scrollTop = rows.scrollHeight;
  });

  function row({ kind, time, text, number }) {
    const code = el("code", {}, text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)} …` : text);
    const whole = el("button", { type: "button", onclick: () => {
      say(code, text);
      whole.remove();
    } }, `all ${text.length} characters`);
    const more = text.length > SHOWN_MAX ? whole : null;
    const title = number ? `derives from event ${number}` : null;
    const event = el("span", { class: "event", title }, number && `#${number}`);
    return el("li", { class: kind }, el("time", {}, time), el("span", { class: "kind" }, kind), event, el("div", {}, code, " ", more));
  }

  function note(kind, text, number = null) {
    const time = new Date().toISOString().slice(11, 23);
    frames.push({ kind, time, text, number });
    if (frames.length > FRAMES_MAX) {
      frames.shift();
      dropped += 1;
    }
    paint();
  }

  function dial(then) {
    try {
      const isOurs = new URL(address.value).host === location.host;
      socket = new WebSocket(address.value, isOurs ? [NUMBERS] : []);
    } catch (error) {
      say(state, error.message);
      return;
    }
    const own = socket;
    const began = performance.now();
    say(state, "connecting");
    say(connect, "Hang up");
    own.onopen = () => {
      say(state, `connected in ${Math.round(performance.now() - began)} ms`);
      note("opened", address.value.replace(/apikey=[^&]+/, "apikey=…"));
      then?.();
    };
    let number = null;
    own.onmessage = ({ data }) => {
      const [, told] = (own.protocol === NUMBERS && NUMBER.exec(data)) || [];
      if (!told) note("heard", data, number);
      number = told ?? null;
    };
    own.onclose = ({ code, reason }) => {
      if (isLeft) return;
      note("closed", `${code} ${reason}`.trim());
      if (socket !== own) return;
      socket = null;
      say(state, `closed: ${code} ${reason}`);
      say(connect, "Connect");
    };
  }

  function hangUp() {
    socket.close(1000);
  }

  function send() {
    const said = text.value.trim();
    if (!said) return;
    if (!socket || socket.readyState > WebSocket.OPEN) return dial(send);
    if (socket.readyState === WebSocket.CONNECTING) return;
    socket.send(said);
    note("said", said);
    sent = [...sent.filter((before) => before !== said), said];
    showProgram();
  }

  function showProgram() {
    const all = programs(chosen, address.value, sent.length > 0 ? sent : [text.value]);
    languages.replaceChildren(
      ...[...all.keys()].map((name) =>
        el("button", { type: "button", "aria-pressed": String(name === language), onclick: () => {
          language = name;
          showProgram();
        } }, name),
      ),
      el("button", { type: "button", onclick: () => navigator.clipboard?.writeText(program.textContent) }, "Copy"),
    );
    say(program, all.get(language) ?? all.get("Python"));
  }

  main.append(
    el("h1", {}, "Dialect explorer"),
    tabs,
    el(
      "div",
      { class: "explorer" },
      el(
        "div",
        { class: "column" },
        panel(
          title,
          el("div", { class: "row" }, el("label", { for: "address", class: "hidden" }, "Address"), address, connect),
          el("p", {}, state),
          ready,
          el("label", { for: "text" }, "Text to send (Ctrl+Enter)"),
          text,
          el("div", { class: "row" }, el("button", { type: "button", class: "main", onclick: send }, "Send")),
        ),
        panel("The same as a program", languages, program),
      ),
      panel(
        "Frames",
        el("div", { class: "row" }, el("label", { for: "filter", class: "hidden" }, "Filter"), filter, pause, clear, count),
        rows,
      ),
    ),
  );

  demoAccounts().then((accounts) => {
    if (isLeft) return;
    account = accounts[0];
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    address.value = `${scheme}://${location.host}${filled(path, account)}`;
    for (const [name, request] of requests) {
      const whole = filled(JSON.stringify(request), account);
      ready.append(el("button", { type: "button", onclick: () => {
        text.value = whole;
        send();
      } }, name));
    }
    text.value = filled(JSON.stringify(requests[0][1]), account);
    showProgram();
  });

  return {
    sources: `the socket of the dialect that you choose; what machines are told of it is at /docs/asyncapi/${chosen}.json. Numbers with # are the events that frames derive from: in no dialect, told beside by the subprotocol ${NUMBERS}; answers have none`,
    leave: () => {
      isLeft = true;
      socket?.close();
    },
  };
}
