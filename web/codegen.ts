import type { CodegenConfig } from '@graphql-codegen/cli';

// Types of every operation, from the same schema files as the server's.
const config: CodegenConfig = {
  schema: '../graph/schema/*.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/gql/**'],
  generates: {
    './src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: { DateTime: 'string', Date: 'string', Long: 'number', Digest: 'string', UUID: 'string', Network: 'string', SchemaRule: 'Record<string, unknown>' },
      },
    },
  },
};

export default config;
