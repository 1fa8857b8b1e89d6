import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const petrol: MantineColorsTuple = ['#eef6f7', '#d9ebed', '#b3d7db', '#7fc3cd', '#4a9ba6', '#2f8794', '#22737f', '#155f6b', '#0f4c56', '#073a43'];

const dark: MantineColorsTuple = ['#e6e8ea', '#c9ced3', '#9aa4ad', '#7d8790', '#3a4148', '#24292e', '#1b1f23', '#14171a', '#101316', '#0b0d0f'];

/** "Calm ledger": warm paper, white sheets, one accent. */
export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  colors: { petrol, dark },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '15px', xl: '22px' },
  headings: { fontFamily: "'Inter Variable', system-ui, sans-serif", fontWeight: '600' },
  defaultRadius: 8,
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'sm' } },
  },
});

/** The same tokens for the kit as for our own styles. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: { '--mantine-color-body': '#f7f7f5', '--mantine-color-text': '#1c2126', '--mantine-color-dimmed': '#5d666f', '--mantine-color-error': '#a6261c', '--mantine-color-default-border': '#d8d8d2', '--mantine-color-placeholder': '#6b747d' },
  dark: { '--mantine-color-body': '#14171a', '--mantine-color-text': '#e6e8ea', '--mantine-color-dimmed': '#9aa4ad', '--mantine-color-error': '#ff9d92', '--mantine-color-default': '#1b1f23', '--mantine-color-default-border': '#3a4148', '--mantine-color-default-hover': '#24292e', '--mantine-color-placeholder': '#8b959e' },
});
