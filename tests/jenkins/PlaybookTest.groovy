import org.junit.Test

class PlaybookTest extends PipelineTests {
    static final String VAULT = 'canary-of-the-vault'
    static final List<String> DONE = ['Check:', 'checkout', 'withCredentials', 'Check', 'archive', 'Approval:', 'input', 'milestone',
                                      'Run:', 'checkout', 'lock', 'withCredentials', 'Run', 'junit']

    void prepare() {
        watched('ansible-playbook')
        jenkins.secrets = ['openstack-clouds': 'canary-in-clouds', 'ansible-vault': VAULT]
        jenkins.given.PLAYBOOK = 'play.yml'
        jenkins.approve = { asked -> [BY: 'somebody', DIGEST: (jenkins.log =~ /(?m)^changes ([0-9a-f]{64})$/)[0][1].take(12)] }
        playbook()
    }

    void playbook(String last = 'debug: {msg: done}') {
        write('play.yml', """
            - name: A play
              hosts: localhost
              connection: local
              gather_facts: false
              tasks:
                - name: A file
                  copy: {dest: $temp/made, content: "one\\n"}
                - name: Another, and a secret
                  copy: {dest: "$temp/made-{{ item }}", content: "canary-in-a-task"}
                  loop: [1, 2]
                  no_log: true
                - $last
            """.stripIndent())
    }

    List<String> really() {
        calls.findAll { !it.contains('--check') }
    }

    @Test
    void 'checked, approved, run, nothing left to do'() {
        assert run('Jenkinsfile.playbook') == 'SUCCESS'
        order(DONE)
        assert new File(temp, 'made').text == 'one\n' && really().size() == 1
        def cases = events('junit')[0].suites[0].testcase
        assert cases.collect { "${it.@name}: ${it.'system-out'.text()}".toString() } ==
            ['A play: A file: changed', 'A play: Another, and a secret: changed', 'A play: debug: ok']
        assert events('archive')[0].texts[0].contains('+one')
        assert !(jenkins.log + calls.join('\n')).contains('canary')
        jenkins.events.clear()
        assert run('Jenkinsfile.playbook') == 'SUCCESS'
        order(DONE[0..4])
        assert really().size() == 1
    }

    @Test
    void 'what it would change is another by now'() {
        jenkins.before = { if (it.step == 'sh' && it.label == 'Run') write('made', 'two\n', temp) }
        assert run('Jenkinsfile.playbook') == 'FAILURE'
        order(DONE)
        assert !really() && new File(temp, 'made').text == 'two\n'
        assert jenkins.log.contains('no longer what was approved')
    }

    @Test
    void 'a task fails'() {
        playbook('command: /bin/false')
        assert run('Jenkinsfile.playbook') == 'FAILURE'
        order(DONE)
        assert events('junit')[0].suites[0].testcase.collect { it.failure.size() } == [0, 0, 1]
    }

    @Test
    void 'the check fails, or nobody approves'() {
        jenkins.approve = { asked -> throw new Pipeline.Aborted('after a day') }
        assert run('Jenkinsfile.playbook') == 'ABORTED'
        jenkins.result = 'SUCCESS'
        jenkins.events.clear()
        playbook('fail: {msg: no}')
        assert run('Jenkinsfile.playbook') == 'FAILURE'
        assert !events('input') && !really()
    }
}
