// The documents that a venue tells machines, judged by the published schemas: AsyncAPI 3.0.0 (@asyncapi/specs, by ajv)
// and OpenAPI 3.1 (@seriousme/openapi-schema-validator).
//
// usage: node documents.js http://127.0.0.1:8080
//
// Every document that the venue's index names is taken and judged, and its own schemas are compiled, so that a
// pattern or a reference that no reader understands is a failure. Exit code 0 when all checks passed, 1 otherwise.
"use strict";

const { pathToFileURL } = require("node:url");

const Ajv = require("ajv");
const addFormats = require("ajv-formats");
const asyncapi = require("@asyncapi/specs/schemas/3.0.0-without-$id.json");

// All five dialects have a socket, three of them an HTTP half; and there is the native API.
const ASYNCAPI_MIN = 5;
const OPENAPI_MIN = 4;

let passed = 0;
let failed = 0;
function check(name, errors) {
  if (errors.length === 0) {
    passed += 1;
    console.log(`ok    ${name}`);
  } else {
    failed += 1;
    console.log(`FAIL  ${name}`);
    for (const error of errors.slice(0, 5)) console.log(`      ${error}`);
  }
}

async function take(url) {
  const answer = await fetch(url);
  const kind = answer.headers.get("content-type");
  if (answer.status !== 200 || kind !== "application/json") {
    throw new Error(`${url} answers ${answer.status} ${kind}`);
  }
  return answer.json();
}

function worded(errors) {
  return (errors || []).map((error) => `${error.instancePath} ${error.message}`);
}

// The schemas of a document, each by itself.
function compiled(document) {
  const errors = [];
  const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true });
  addFormats(ajv);
  ajv.addVocabulary(["components"]);
  const components = { schemas: document.components.schemas };
  const payloads = Object.entries(document.components.messages || {});
  const named = Object.entries(components.schemas);
  for (const [name, schema] of [...payloads.map(([id, it]) => [id, it.payload]), ...named]) {
    try {
      ajv.compile({ ...schema, components });
    } catch (error) {
      errors.push(`${name}: ${error.message}`);
    }
  }
  return errors;
}

async function main() {
  const url = process.argv[2].replace(/\/$/, "");
  const index = await (await fetch(`${url}/`)).text();
  const paths = [...index.matchAll(/\/\S+\.json/g)].map((found) => found[0]);
  // A module of the newer kind, which is not looked for where NODE_PATH says.
  const file = require.resolve("@seriousme/openapi-schema-validator");
  const { Validator } = await import(pathToFileURL(file));
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  addFormats(ajv);
  const isAsyncApi = ajv.compile(asyncapi);
  const counts = { asyncapi: 0, openapi: 0 };
  for (const path of paths) {
    const document = await take(url + path);
    if (document.asyncapi) {
      counts.asyncapi += 1;
      isAsyncApi(document);
      check(`${path} is AsyncAPI 3.0.0`, worded(isAsyncApi.errors));
      check(`the schemas of ${path} can be read`, compiled(document));
    } else {
      counts.openapi += 1;
      const { valid, errors } = await new Validator().validate(document);
      check(`${path} is OpenAPI 3.1`, valid ? [] : [].concat(errors).map((it) => it.message || JSON.stringify(it)));
    }
  }
  const count = `${counts.asyncapi} and ${counts.openapi}`;
  const enough = counts.asyncapi >= ASYNCAPI_MIN && counts.openapi >= OPENAPI_MIN;
  check("all dialects are told of", enough ? [] : [`there are only ${count} documents`]);
  const nobodys = await fetch(`${url}/docs/asyncapi/nobody.json`);
  check("there is none of a dialect that is not served", nobodys.status === 404 ? [] : [`${nobodys.status}`]);
}

main()
  .catch((error) => check("the documents can be taken", [String(error)]))
  .finally(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed === 0 ? 0 : 1);
  });
