// A real browser that keeps count of what must never happen.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { find } from './chromium.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Where pictures go: the folder that is asked for, or a new one. */
export const pictures = process.env.LETHE_PICTURES ?? mkdtempSync(join(tmpdir(), 'lethe-portal-'));
mkdirSync(pictures, { recursive: true });

/** Opens a browser of its own. */
export async function open() {
  return chromium.launch({ ...find(), headless: true, args: flags });
}

/**
 * A person at the portal: a context of their own, signed in at the issuer.
 * Violations of the policy, errors on the console and requests that leave the
 * two origins are kept in `wrong`.
 */
export class Person {
  constructor(page, url, name) {
    this.page = page;
    this.url = url;
    this.name = name;
    this.wrong = [];
  }

  static async enter(browser, url, name, size = { width: 1440, height: 900 }) {
    const context = await browser.newContext({ viewport: size, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', acceptDownloads: true });
    const person = new Person(await context.newPage(), url, name);
    await person.listen(context);
    return person;
  }

  async listen(context) {
    const { page, wrong } = this;
    await context.exposeFunction('letheViolation', (what) => wrong.push(`policy: ${what}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) => window.letheViolation(`${e.violatedDirective} ${e.blockedURI}`));
    });
    page.on('console', (m) => {
      // A 401 before sign-in is how the portal learns that nobody is signed in.
      if (m.type() === 'error' && !m.text().includes('401')) wrong.push(`console: ${m.text()}`);
    });
    page.on('pageerror', (e) => wrong.push(`page: ${e.message}`));
    page.on('request', (r) => {
      const to = new URL(r.url());
      if (['http:', 'https:'].includes(to.protocol) && !['127.0.0.1', 'localhost'].includes(to.hostname)) wrong.push(`left for ${to.origin}`);
    });
  }

  /** Signs in at the demo’s issuer, from a page that asks for it. */
  async signIn(path = '/') {
    const { page } = this;
    await page.goto(this.url + path);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: this.name }).click();
    await page.getByText(this.name).waitFor();
    assert.equal(new URL(page.url()).origin, this.url, 'sign-in leads back');
  }

  async signOut() {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.page.getByRole('link', { name: 'Sign in' }).waitFor();
  }

  /** A picture of the page and what axe finds in it, in light and in dark. */
  async look(name) {
    const { page } = this;
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor({ state: 'attached' });
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) });
      await page.evaluate(axeSource);
      const found = await page.evaluate(async () => {
        const tags = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
        const { violations } = await window.axe.run(document, { runOnly: { type: 'tag', values: tags } });
        return violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
      });
      assert.deepEqual(found, [], `${name} in ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }

  /** Nothing went wrong in this person’s browser. */
  fine() {
    assert.deepEqual(this.wrong, [], `in the browser of ${this.name}`);
  }
}
