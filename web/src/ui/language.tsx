import { Button } from '@mantine/core';
import { language, languages, speak, type Language } from '../lib/language';

/** Switches to the other languages, each named in itself. */
export function LanguageButtons() {
  const others = (Object.keys(languages) as Language[]).filter((l) => l !== language);
  return others.map((l) => (
    <Button key={l} variant="subtle" color="gray" size="compact-sm" lang={l} aria-label={languages[l]} title={languages[l]} onClick={() => speak(l)}>{l.toUpperCase()}</Button>
  ));
}
