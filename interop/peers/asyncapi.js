'use strict';

// Checks an AsyncAPI document with the official parser, and then examples
// against the schemas in it.
//
//   stdin   {"document": "the YAML", "examples": [{"message": "ping", "value": …}, …]}
//   stdout  {"ready": "the parser's name and version", "problems": ["…", …]}

const { Parser } = require('@asyncapi/parser');
const Ajv = require('ajv');
const yaml = require('js-yaml');

const severities = ['error', 'warning', 'information', 'hint'];

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { document, examples } = JSON.parse(Buffer.concat(chunks).toString());
  const { diagnostics } = await new Parser().parse(document);
  const problems = diagnostics
    .filter((d) => d.severity < 2)
    .map((d) => `${severities[d.severity]} in line ${d.range.start.line + 1}: ${d.path.join('.')}: ${d.message}`);
  if (problems.length === 0) {
    const ajv = new Ajv({ strict: false });
    ajv.addSchema(yaml.load(document), 'api');
    for (const { message, value } of examples) {
      const validate = ajv.getSchema(`api#/components/messages/${message}/payload`);
      if (!validate) problems.push(`the document has no message ${message}`);
      else if (!validate(value)) problems.push(`${message}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`);
    }
  }
  const { name, version } = require('@asyncapi/parser/package.json');
  process.stdout.write(JSON.stringify({ ready: `${name} ${version}`, problems }));
}

main();
