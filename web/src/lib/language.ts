/** The languages of the portal, each by its own name. */
export const languages = { en: 'English', de: 'Deutsch' } as const;

export type Language = keyof typeof languages;

const key = 'lethe-language';

/** The language that was chosen here, or else the first that the browser prefers and the portal has. */
export function languageOf(chosen: string | null, preferred: readonly string[]): Language {
  for (const tag of [chosen ?? '', ...preferred]) {
    const known = (Object.keys(languages) as Language[]).find((l) => l === tag.toLowerCase().split('-')[0]);
    if (known) return known;
  }
  return 'en';
}

/** What the page is in; another language loads it anew. */
export const language = languageOf(localStorage.getItem(key), navigator.languages);

/** Loads the page in another language, and every later one in this browser. */
export function speak(l: Language): void {
  localStorage.setItem(key, l);
  window.location.reload();
}
