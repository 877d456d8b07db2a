import org.junit.Test

class TerraformTest extends PipelineTests {
    static final String KEY = 'canary-key-of-the-plan', CLOUDS = 'canary-in-clouds', INSIDE = 'canary-in-the-plan'
    static final List<String> DONE = ['Plan:', 'checkout', 'lock', 'withCredentials', 'Plan', 'stash', 'archive', 'junit',
                                      'Approval:', 'input', 'milestone',
                                      'Apply:', 'checkout', 'unstash', 'lock', 'withCredentials', 'Apply', 'junit', 'archive']

    void prepare() {
        watched('terraform')
        jenkins.secrets = ['openstack-clouds': CLOUDS, 'terraform-plan-key': KEY]
        jenkins.given.ROOT = 'root with blanks'
        jenkins.approve = { asked -> [BY: 'somebody', DIGEST: digest.take(12)] }
        root('terraform_data.one.id')
    }

    void root(String one, String does = 'true', String value = 'a') {
        write('root with blanks/main.tf', """
            terraform {
              backend "local" { path = "$temp/state" }
            }
            variable "password" {
              default   = "$INSIDE"
              sensitive = true
            }
            resource "terraform_data" "one" {
              input            = "$value"
              triggers_replace = var.password
              provisioner "local-exec" { command = "echo begun >>$temp/begun; $does" }
            }
            resource "terraform_data" "two" { input = $one }
            """)
    }

    String getDigest() {
        (jenkins.log =~ /(?m)^plan ([0-9a-f]{64})$/)[0][1]
    }

    List<String> applied() {
        calls.findAll { it =~ / apply / }
    }

    /** The state's resources. */
    List<String> getMade() {
        def f = new File(temp, 'state')
        f.exists() ? new groovy.json.JsonSlurper().parse(f).resources.collect { "${it.type}.${it.name}".toString() } : []
    }

    void secretsKept() {
        def shown = jenkins.log.toString() + calls.join('\n') + jenkins.events.findAll { it.step == 'archive' }*.texts.flatten().join('\n')
        [KEY, CLOUDS, INSIDE].each { assert !shown.contains(it) }
        temp.eachFileRecurse {
            if (it.file && !it.name.startsWith('secret-') && !it.name.startsWith('state') && !it.path.startsWith(sources.path)) {
                [KEY, CLOUDS, INSIDE].each { s -> assert !it.getText('ISO-8859-1').contains(s) : it.path }
                assert !it.getText('ISO-8859-1').startsWith('PK') : "$it is a plan in the clear"
            }
        }
    }

    @Test
    void 'planned, approved, applied'() {
        assert run('Jenkinsfile') == 'SUCCESS'
        order(DONE)
        assert made == ['terraform_data.one', 'terraform_data.two']
        assert applied().size() == 1
        assert events('input')[0].message.contains(digest)
        assert events('stash')[0].files == ['plan.enc']
        assert events('lock')*.resource == ['terraform-root with blanks'] * 2
        assert events('archive')*.files == [['plan.txt'], ['apply.jsonl']]
        assert events('checkout')[1].what.branches == [[name: 'c0ffee']]
        assert events('junit')*.suites.flatten()*.testcase.collect { it.size() } == [2, 2]
        assert jenkins.log.contains('(sensitive value)') && jenkins.log.contains('Apply complete! Resources: 2 added')
        secretsKept()
    }

    @Test
    void 'a plan to destroy, and then nothing to do'() {
        run('Jenkinsfile')
        jenkins.events.clear()
        jenkins.log.length = 0
        assert run('Jenkinsfile') == 'SUCCESS'
        assert !events('input') && applied().size() == 1 && jenkins.agents == 3
        jenkins.given.DESTROY = true
        jenkins.log.length = 0
        assert run('Jenkinsfile') == 'SUCCESS'
        assert made == [] && applied().size() == 2
        secretsKept()
    }

    @Test
    void 'nobody approves'() {
        jenkins.approve = { asked -> throw new Pipeline.Aborted('after a day') }
        assert run('Jenkinsfile') == 'ABORTED'
        order(DONE[0..9])
        assert !applied()
    }

    @Test
    void 'another plan is approved'() {
        jenkins.approve = { asked -> [BY: 'somebody', DIGEST: '0123456789ab'] }
        assert run('Jenkinsfile') == 'FAILURE'
        order(DONE[0..9])
        assert !applied()
    }

    private void refused(String why, Closure change) {
        jenkins.before = { if (it.step == 'unstash') change(new File(temp, 'stash-plan/out/plan.enc')) }
        assert run('Jenkinsfile') == 'FAILURE'
        assert !applied() && made == []
        assert jenkins.log.contains(why)
        order(DONE[0..16] + DONE[17..18])
        secretsKept()
    }

    @Test
    void 'the plan is another one than was approved'() {
        refused('is not the plan that was approved') { f ->
            def key = write('key', KEY, temp), other = write('other', 'PK', temp)
            assert ['openssl', 'enc', '-e', '-aes-256-cbc', '-pbkdf2', '-iter', '200000', '-pass', 'file:' + key, '-in', other, '-out', f].execute().waitFor() == 0
            key.delete()
            other.delete()
        }
    }

    @Test
    void 'the plan was damaged on its way'() {
        refused('') { f -> f.bytes = f.bytes[0..-17] as byte[] }
    }

    @Test
    void 'something was applied in between'() {
        jenkins.before = {
            if (it.step == 'unstash') {
                new File(temp, 'state').text = '{"version":4,"serial":9,"lineage":"other","outputs":{},"resources":[]}'
            }
        }
        assert run('Jenkinsfile') == 'FAILURE'
        assert jenkins.log =~ /(?i)stale|different/ && made == []
        assert events('junit')[1].suites[0].testcase.any { it.error.size() }
    }

    @Test
    void 'the plan fails'() {
        root('terraform_data.none.id')
        assert run('Jenkinsfile') == 'FAILURE'
        order(DONE[0..4] + 'junit')
    }

    @Test
    void 'the apply fails'() {
        root('terraform_data.one.id', 'exit 3')
        assert run('Jenkinsfile') == 'FAILURE'
        order(DONE)
        def cases = events('junit')[1].suites[0].testcase
        assert cases.any { it.@name == 'terraform_data.one' && it.failure.size() } && cases.any { it.error.size() }
        secretsKept()
    }

    @Test
    void 'no key for the plan'() {
        jenkins.secrets['terraform-plan-key'] = ''
        assert run('Jenkinsfile') == 'FAILURE'
        assert !events('input') && jenkins.log.contains('is empty')
        secretsKept()
    }

    // ---- drift ----

    private Map looked() {
        jenkins.events.clear()
        jenkins.result = 'SUCCESS'
        def result = run('Jenkinsfile.drift')
        def cases = events('junit')[0].suites.collectMany { it.testcase.collect { c -> c } }
        [result: result, wrong: cases.findAll { it.failure.size() }.collect { "${it.@name}: ${it.failure.@message}".toString() }]
    }

    @Test
    void 'drift is found, unless it is known'() {
        run('Jenkinsfile')
        def state = new File(temp, 'state').text
        assert looked() == [result: 'SUCCESS', wrong: []]
        root('terraform_data.one.id', 'true', 'b')
        assert looked() == [result: 'UNSTABLE', wrong: ['terraform_data.one: not as the files say: would be changed: input, output']]
        write('root with blanks/.drift-ignore', '# since the move\nterraform_data.*  input tags output\n')
        assert looked() == [result: 'SUCCESS', wrong: []]
        write('root with blanks/.drift-ignore', 'terraform_data.*  input\n')
        assert looked().result == 'UNSTABLE'
        root('terraform_data.none.id')
        assert looked() == [result: 'FAILURE', wrong: []]
        assert applied().size() == 1 && new File(temp, 'state').text == state
        assert calls.findAll { it =~ / plan / && it.contains('-lock=false') }.size() == 5
        secretsKept()
    }

    // ---- a job that is aborted ----

    /** What has the mark of the job, and all that it started: as Jenkins finds what to kill. */
    private List<String> processes(String mark) {
        def all = new File('/proc').listFiles().findAll { it.name ==~ /\d+/ }, found = []
        for (p in all) {
            try {
                if (new File(p, 'environ').getText('ISO-8859-1').split('\0').any { it == mark }) {
                    found << p.name
                }
            } catch (IOException gone) { }
        }
        def parents = all.collectEntries { p ->
            try {
                [p.name, new File(p, 'stat').text.replaceFirst(/.*\) . (\d+) .*/, '$1').trim()]
            } catch (IOException gone) {
                [p.name, '0']
            }
        }
        while (true) {
            def more = parents.findAll { pid, parent -> parent in found && !(pid in found) }.keySet()
            if (!more) {
                return found
            }
            found += more
        }
    }

    private static void until(Closure done) {
        while (!done()) {
            Thread.sleep(20)
        }
    }

    private void abortedBy(String signal) {
        root('terraform_data.one.id', "until [ -e $temp/go ]; do sleep 0.1; done")
        def mark = 'durable-' + UUID.randomUUID(), found = []
        jenkins.variables.JENKINS_SERVER_COOKIE = mark
        jenkins.before = { step ->
            if (step.step == 'sh' && step.label == 'Apply') {
                Thread.start {
                    until { new File(temp, 'begun').exists() && (found = processes('JENKINS_SERVER_COOKIE=' + mark)).size() > 2 }
                    found.each { ['kill', '-' + signal, it].execute().waitFor() }
                    until { !processes('JENKINS_SERVER_COOKIE=' + mark) }
                    new File(temp, 'go').text = ''
                }
            }
        }
        runScript('Jenkinsfile')
        assert found && jenkins.result == 'FAILURE'
        until { !new File(temp, 'tmp').list() }
        leavesNothing()
    }

    @Test(timeout = 1200000L)
    void 'aborted, Terraform finishes what it has begun'() {
        abortedBy('TERM')
        assert made == ['terraform_data.one']
        assert jenkins.log.contains('told to stop')
        assert events('junit')[1].suites[0].testcase.any { it.@name == 'terraform_data.one' }
    }

    @Test(timeout = 1200000L)
    void 'killed, Terraform goes on to the end'() {
        abortedBy('KILL')
        assert made == ['terraform_data.one', 'terraform_data.two']
    }
}
