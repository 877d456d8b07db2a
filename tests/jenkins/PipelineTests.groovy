import com.lesfurets.jenkins.unit.BasePipelineTest
import org.junit.After
import org.junit.Before

/** A Jenkinsfile of examples/jenkins, with real programs, in folders of its own. */
abstract class PipelineTests extends BasePipelineTest {
    static final File EXAMPLES = new File(System.getProperty('examples'))
    File temp, sources
    Pipeline jenkins

    @Before
    void setUp() {
        scriptRoots = [EXAMPLES.path]
        scriptExtension = ''
        super.setUp()
        temp = File.createTempDir('jenkins', '')
        sources = new File(temp, 'sources')
        EXAMPLES.eachFile { write('examples/jenkins/' + it.name, it.text).setExecutable(it.canExecute()) }
        new File(temp, 'tmp').mkdirs()
        jenkins = new Pipeline(helper, binding, temp, sources)
        jenkins.variables = [PATH: "$temp/bin:${System.getenv('PATH')}".toString(), TMPDIR: temp.path + '/tmp', CALLS: temp.path + '/calls',
                             TF_CLI_CONFIG_FILE: '/dev/null', LC_ALL: 'C.UTF-8']
        prepare()
    }

    abstract void prepare()

    @After
    void tearDown() {
        temp.deleteDir()
    }

    File write(String name, String text, File folder = sources) {
        def f = new File(folder, name)
        f.parentFile.mkdirs()
        f.text = text
        f
    }

    /** A program that notes with which arguments it is called, and is then the one it is called like. */
    void watched(String name) {
        write('bin/' + name, '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\nPATH=${PATH#*:} exec ' + name + ' "$@"\n', temp).setExecutable(true)
    }

    List<String> getCalls() {
        def f = new File(temp, 'calls')
        f.exists() ? f.readLines() : []
    }

    String run(String name) {
        runScript(name)
        leavesNothing()
        jenkins.result
    }

    /** Neither in workspaces nor in what programs wrote for themselves. */
    void leavesNothing() {
        assert !temp.listFiles().findAll { it.name.startsWith('agent-') }
        assert !new File(temp, 'tmp').list()
    }

    List<Map> events(String step) {
        jenkins.events.findAll { it.step == step }
    }

    void order(List<String> wanted) {
        def found = jenkins.events.collect { it.step == 'sh' ? it.label : it.step == 'stage' ? it.name + ':' : it.step }
        assert found == wanted
    }
}
