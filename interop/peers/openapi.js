'use strict';

// Judges an OpenAPI document, by @readme/openapi-parser and by Ajv:
//
//	node openapi.js FILE
//
// It prints one line of JSON: what is wrong, the operations that it found, and
// how many examples fit their schemas.

const { createRequire } = require('node:module');
const parser = require('@readme/openapi-parser');

// The Ajv that the parser itself uses, which knows the dialect of OpenAPI 3.1.
const Ajv = createRequire(require.resolve('@readme/openapi-parser'))('ajv/dist/2020').default;

async function main() {
  const file = process.argv[2];
  const out = { wrong: [], operations: [], examples: 0 };
  const verdict = await parser.validate(file);
  if (!verdict.valid) out.wrong.push(parser.compileErrors(verdict));
  out.wrong.push(...(verdict.warnings ?? []).map((w) => w.message));
  if (!verdict.valid) return out;

  const document = await parser.parse(file);
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': (s) => !Number.isNaN(Date.parse(s)) } });
  ajv.addSchema({ $id: 'api', ...document });
  // Schemas are compiled where they stand, so that their references hold.
  const check = (pointer, value, name) => {
    const path = pointer.map((p) => encodeURIComponent(p.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    const validate = ajv.getSchema(`api#/${path}`) ?? ajv.compile({ $ref: `api#/${path}` });
    out.examples++;
    if (!validate(value)) out.wrong.push(`${name}: ${ajv.errorsText(validate.errors)}`);
  };
  const walk = (value, at) => {
    if (value === null || typeof value !== 'object') return;
    if (value.schema && value.examples && !Array.isArray(value.examples)) {
      for (const [name, { value: example }] of Object.entries(value.examples)) check([...at, 'schema'], example, [...at, name].join(' '));
    }
    if (value.schema && 'example' in value) check([...at, 'schema'], value.example, at.join(' '));
    for (const [key, inner] of Object.entries(value)) walk(inner, [...at, key]);
  };
  walk(document.paths, ['paths']);
  walk(document.components.parameters, ['components', 'parameters']);
  walk(document.components.responses, ['components', 'responses']);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of Object.keys(item)) out.operations.push(`${method.toUpperCase()} ${path}`);
  }
  return out;
}

main().then(
  (out) => console.log(JSON.stringify(out)),
  (err) => console.log(JSON.stringify({ wrong: [String(err)], operations: [], examples: 0 })),
);
