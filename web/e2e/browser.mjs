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
    context.setDefaultTimeout(120_000); // ends a hang; a busy machine takes longer than the usual 30 s
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

  /** Presses Tab until what is called so has the focus, and shows that it has. */
  async tabTo(role, name) {
    const { page } = this;
    const wanted = page.getByRole(role, { name });
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      if (!(await wanted.evaluateAll((all) => all.includes(document.activeElement)))) continue;
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', `nobody sees that ${name} has the focus`);
      return;
    }
    assert.fail(`Tab does not lead to ${name}`);
  }

  /** Approves the plan of the page, with the number of rows typed. */
  async approve() {
    const { page } = this;
    await page.getByRole('button', { name: 'Approve…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Approve this plan' });
    const rows = (await dialog.getByText(/will be erased/).innerText()).match(/([\d,]+) rows?/)[1];
    await dialog.getByLabel(/Type .* to confirm/).fill(rows.replaceAll(',', ''));
    await dialog.getByRole('button', { name: 'Approve the plan' }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Asks the API under the session of this person. */
  async ask(query, variables) {
    const answer = await this.page.request.post(`${this.url}/graphql`, { data: { query, variables } });
    const { data, errors } = await answer.json();
    assert.equal(errors, undefined, JSON.stringify(errors));
    for (const payload of Object.values(data)) assert.deepEqual(payload?.userErrors ?? [], [], query);
    return data;
  }

  /** Says what one person usually has of a dataset at most; what comes back says again what was said before. */
  async usual(name, most) {
    const { datasets } = await this.ask(`{ datasets(first: 100) { nodes {
      id rev environment namespace name kind doc usualMax derived lifecycle eraseBy
      store { id } service { id } owner { id } retentionPolicy { id } derivedFrom { id } } } }`);
    const { id, ...d } = datasets.nodes.find((x) => x.name === name);
    const say = async (rev, usualMax) => {
      const input = {
        id, rev, usualMax, environment: d.environment, namespace: d.namespace, name, kind: d.kind, doc: d.doc, derived: d.derived, lifecycle: d.lifecycle, eraseBy: d.eraseBy,
        storeId: d.store?.id, serviceId: d.service?.id, ownerId: d.owner?.id, retentionPolicyId: d.retentionPolicy?.id, derivedFrom: d.derivedFrom.map((x) => x.id),
      };
      const { declareDataset } = await this.ask('mutation($input: DeclareDatasetInput!) { declareDataset(input: $input) { dataset { rev } userErrors { code message } } }', { input });
      return declareDataset.dataset.rev;
    };
    const rev = await say(d.rev, most);
    return () => say(rev, d.usualMax);
  }

  /** Takes a service out of use. */
  async disable(ref) {
    const { service } = await this.ask('query($ref: String!) { service(ref: $ref) { id rev } }', { ref });
    await this.ask('mutation($input: DisableServiceInput!) { disableService(input: $input) { service { state } userErrors { code message } } }', { input: { serviceId: service.id, rev: service.rev } });
  }

  /**
   * A picture of the page and what axe finds in it, in light and in dark. The
   * dark page is the light one in other colours, so there only they are judged;
   * `every` rule on one page that has the button which changes them.
   */
  async look(name, every = false) {
    const { page } = this;
    const light = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] };
    const dark = every ? light : { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };
    for (const [colorScheme, runOnly] of Object.entries({ light, dark })) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor({ state: 'attached' });
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) });
      if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
      const found = await page.evaluate(async (runOnly) => {
        const { violations } = await window.axe.run(document, { runOnly });
        return violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
      }, runOnly);
      assert.deepEqual(found, [], `${name} in ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }

  /** Nothing went wrong in this person’s browser. */
  fine() {
    assert.deepEqual(this.wrong, [], `in the browser of ${this.name}`);
  }
}
