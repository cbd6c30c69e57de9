// Types for exactly the operations in src/: each scalar of the graph has to be named here.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  // The exported schema, or the address of a server of the local profile: production gives none.
  schema: process.env.SCHEMA ?? "../../../schema.graphql",
  documents: ["src/**/*.ts", "!src/generated/**"],
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: "string",
        strictScalars: true,
        useTypeImports: true,
        enumsAsTypes: true,
        importExtension: ".js",
        scalars: {
          // Never a number: "-12.34" has no exact binary fraction.
          Amount: "string",
          ID: "string",
          // A posting day has no time zone; a Date would invent one.
          Date: "string",
          Instant: "string",
          JSONObject: "Record<string, unknown>",
          RawRow: "Record<string, unknown>",
        },
      },
    },
  },
};

export default config;
