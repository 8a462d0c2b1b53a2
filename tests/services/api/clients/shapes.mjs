// What a client's own types say that an answer looks like: JSON Schemas, by the types' names.
// Input: {package: "immich3", types: ["SearchResponseDto", …]}. Unknown properties are refused.
import { createGenerator } from "ts-json-schema-generator";
import { readFileSync } from "node:fs";

const { package: name, types } = JSON.parse(readFileSync(0, "utf8"));
const file = name.startsWith("immich") ? "build/fetch-client.d.ts" : "lib/generated-client/models/index.d.ts";
const generator = createGenerator({
  path: `node_modules/${name}/${file}`,
  skipTypeCheck: true,
  expose: "all",
  additionalProperties: false,
});
process.stdout.write(JSON.stringify(Object.fromEntries(types.map((type) => [type, generator.createSchema(type)]))));
