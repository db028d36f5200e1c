// The native API, /rialto/v1: what has no socket of its own, and orders.

const BASE = "/rialto/v1";

/** What the server refused, in its own words. */
export class Refused extends Error {
  constructor(problem) {
    super([problem.title, problem.detail, problem.remedy].filter(Boolean).join(": "));
    this.problem = problem;
  }
}

async function ask(method, path, { key, body, once } = {}) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  if (once) headers["Idempotency-Key"] = once;
  const response = await fetch(BASE + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    cache: "no-store",
  });
  const text = await response.text();
  let told;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = { title: `${response.status} ${response.statusText}`, detail: text.slice(0, 200) };
  }
  if (!response.ok) throw new Refused(told ?? { title: `${response.status}` });
  return told;
}

export const read = (path, key) => ask("GET", path, { key });

/** Places an order. The key under which it is asked makes a repeat of the same request harmless. */
export function place(key, order) {
  // Not randomUUID: browsers have that on this machine and under TLS alone.
  const words = crypto.getRandomValues(new Uint32Array(4));
  const once = `console-${[...words].map((word) => word.toString(16).padStart(8, "0")).join("")}`;
  return ask("POST", "/orders", { key, body: order, once });
}

export const cancel = (key, id) => ask("DELETE", `/orders/${encodeURIComponent(id)}`, { key });

let listed;
/** The instruments, asked for once. */
export function instruments() {
  listed ??= read("/instruments").then(({ instruments }) => instruments);
  listed.catch(() => (listed = undefined));
  return listed;
}

let demo;
/** The demo's accounts; none where there is no demo. */
export function demoAccounts() {
  demo ??= read("/demo").then(
    ({ accounts }) => accounts,
    (error) => {
      if (!(error instanceof Refused)) demo = undefined;
      return [];
    },
  );
  return demo;
}
